"""Every interleaving of two things that may happen to a booking, at each boundary of the first: no luck, no sleeping."""

from collections.abc import Iterator
from itertools import product

import pytest

from tests.postgres_server import shared_postgres
from tests.races.interleavings import Stage
from tests.races.operations import World

OPERATIONS = (
    "create",
    "initiate",
    "pay_success",
    "pay_fail",
    "callback",
    "poll",
    "reconcile",
    "cancel",
    "expire",
    "reassign",
    "assign",
    "refund",
)


@pytest.fixture(scope="module")
def stage(template: str) -> Iterator[Stage]:
    url = shared_postgres().new_database(template)
    made = Stage(World(url), url)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("first", "second"),
    [pytest.param(*pair, id=f"{pair[1]}-during-{pair[0]}") for pair in product(OPERATIONS, repeat=2)],
)
def test_everybody_has_what_is_theirs_wherever_two_meet(stage, caplog, first, second):
    for nth, boundary in stage.instants(first, second):
        try:
            stage.interleave(first, second, nth)
            assert not [record for record in caplog.records if record.exc_info]
        except BaseException as error:
            error.add_note(f"{second} at boundary {nth} ({boundary}) of {first}")
            raise
