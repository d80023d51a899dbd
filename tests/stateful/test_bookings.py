"""Random sequences of bookings and payments.

`make soak` runs more, each time new ones (SOAK is the number of steps).
"""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.stateful import run_state_machine_as_test

from tests.stateful.machine import Bookings
from tests.stateful.world import People

STEPS = 80
EXAMPLES_FOLDER = Path(__file__).parents[2] / "var/stateful"
SETTINGS = settings(stateful_step_count=STEPS, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)


@pytest.fixture(scope="module", autouse=True)
def _people():
    Bookings.people = People.made()


def test_random_use_cases_keep_every_invariant():
    run_state_machine_as_test(Bookings, settings=settings(SETTINGS, max_examples=32, derandomize=True, database=None))
    assert Bookings.counted["steps"] >= 2_000


@pytest.mark.skipif("SOAK" not in os.environ, reason="it is long: make soak")
def test_many_random_steps_keep_every_invariant(capsys, request):
    Bookings.counted.clear()
    examples = int(os.environ["SOAK"]) // 60  # a sequence has at most 80 steps
    try:
        database = DirectoryBasedExampleDatabase(EXAMPLES_FOLDER)
        run_state_machine_as_test(Bookings, settings=settings(SETTINGS, max_examples=examples, database=database))
    finally:
        with capsys.disabled():
            print(f"\nseed {request.config.getoption('hypothesis_seed')}")  # noqa: T201
            for name, times in sorted(Bookings.counted.items()):
                print(f"{times:8} {name}")  # noqa: T201
