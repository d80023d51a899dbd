"""The parts of a job fail apart from each other."""

import pytest

from shared.kit.each import run_each
from shared.kit.errors import DependencyDown


def test_a_failed_part_stops_no_other_and_fails_the_job():
    ran = []

    def work(name):
        ran.append(name)
        return 1 // (name != "second")

    with pytest.raises(ExceptionGroup) as failed:
        run_each(["first", "second", "third"], work)
    assert ran == ["first", "second", "third"]
    assert [type(error) for error in failed.value.exceptions] == [ZeroDivisionError]
    assert run_each(["first", "third"], work) == {"first": 1, "third": 1}


def test_an_outage_ends_the_job_at_once():
    """Fails if an outage is one failure among others: the job would answer 500 and not 503."""
    ran = []

    def work(name):
        ran.append(name)
        raise DependencyDown("the database is away")

    with pytest.raises(DependencyDown):
        run_each(["first", "second"], work)
    assert ran == ["first"]
