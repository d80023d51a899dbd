"""Every interleaving of two things that may happen to a booking, at each boundary of the first: no luck, no sleeping.

The boundaries are found by letting the first happen alone; then, at each of them, it is stopped with whatever it holds,
the second happens as far as it can, and the first goes on. Wherever they meet, no deadlock, no overbooked chef, the
ledger agrees with the gateway's own book, and every customer has the visit or the money.
"""

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
    """Seen to fail with each protection taken away: without the lock of the booking in the settlement
    (`queries.locked`), a booking cancelled or expired meanwhile is paid for (cancel- and expire-during-pay_success); when
    the expiry does not decide again on the locked row (`is_overdue` in `expiry._cancel`), what was just paid is cancelled
    (pay_success-, callback-, poll- and reconcile-during-expire); when an admin's assignment takes the booking before the
    chef, it and a chef who declines deadlock (assign-during-reassign); when a failure heard before the success was
    settled counts as a contradiction, a person is asked for nothing (pay_success-during-pay_fail)."""
    for nth, boundary in stage.instants(first, second):
        try:
            stage.interleave(first, second, nth)
            assert not [record for record in caplog.records if record.exc_info]
        except BaseException as error:
            error.add_note(f"{second} at boundary {nth} ({boundary}) of {first}")
            raise
