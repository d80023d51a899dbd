"""Every interleaving of two operations on a booking, at each boundary of the first, without sleeps.

A solo run finds the first operation's boundaries. Each test stops the first at one boundary with its locks held, runs
the second as far as it can, and then continues the first. At the end there is no deadlock and no overbooked chef, the
ledger equals the gateway's records, and every customer has the visit or the money.
"""

from collections.abc import Iterator
from itertools import product

import pytest

from tests.postgres_server import shared_postgres
from tests.races.interleavings import Race
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
def race(template: str) -> Iterator[Race]:
    url = shared_postgres().new_database(template)
    made = Race(World(url), url)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("first", "second"),
    [pytest.param(*pair, id=f"{pair[1]}-during-{pair[0]}") for pair in product(OPERATIONS, repeat=2)],
)
def test_every_interleaving_ends_consistently(race, caplog, first, second):
    """Seen to fail with each protection removed.

    Without the booking's lock in the settlement (`queries.locked`), a booking cancelled or expired meanwhile is paid
    for (cancel- and expire-during-pay_success). When the expiry does not decide again on the locked row (`is_overdue`
    in `expiry._cancel`), a paid booking is cancelled (pay_success-, callback-, poll- and reconcile-during-expire). When
    an admin's assignment locks the booking before the chef, it deadlocks with a declining chef
    (assign-during-reassign). When a failure read before the success was settled counts as a contradiction, a needless
    exception is opened (pay_success-during-pay_fail).
    """
    for nth, boundary in race.distinct_boundaries(first, second):
        try:
            race.interleave(first, second, nth)
            assert not [record for record in caplog.records if record.exc_info]
        except BaseException as error:
            error.add_note(f"{second} at boundary {nth} ({boundary}) of {first}")
            raise
