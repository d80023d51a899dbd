"""The number of SQL statements of each read, however many rows there are."""

import pytest

from tests.database.world import World
from tests.http.bad_input import operations
from tests.round_trips import counted

READS = [one for one in operations() if one.method == "GET" and one.role]
# The first statement of each authenticates the caller; with a budget of 1 it is piggybacked and not counted here.
BUDGETS = {
    "GET /customer/profile": 2,
    "GET /customer/addresses": 2,
    "GET /customer/chefs": 2,
    "GET /customer/chefs/{chef_id}": 2,
    "GET /customer/slots": 2,
    "GET /customer/bookings": 1,
    "GET /customer/bookings/{booking_id}": 1,
    "GET /customer/bookings/{booking_id}/events": 2,
    "GET /customer/bookings/{booking_id}/cancellation": 5,  # locks the rows it decides on, like the cancellation
    "GET /customer/bookings/{booking_id}/reschedule": 9,  # the same, and the new price
    "GET /customer/bookings/{booking_id}/invoice": 2,
    "GET /customer/notifications": 3,
    "GET /chef/profile": 2,
    "GET /chef/days-off": 2,
    "GET /chef/bookings": 2,
    "GET /chef/bookings/{booking_id}": 2,
    "GET /chef/earnings": 3,
    "GET /chef/notifications": 3,
    "GET /admin/stats": 8,
    "GET /admin/audit": 2,
    "GET /admin/bookings": 2,
    "GET /admin/bookings/{booking_id}": 7,
    "GET /admin/chefs": 2,
    "GET /admin/chefs/{chef_id}": 3,
    "GET /admin/chefs/{chef_id}/statement": 4,
    "GET /admin/exceptions": 2,
    "GET /admin/ledger": 3,
    "GET /admin/locations": 2,
    "GET /admin/payments": 2,
    "GET /admin/reconciliations": 2,
    "GET /admin/tasks": 2,
    "GET /admin/reconciliations/days": 2,
    "GET /admin/reconciliations/rows": 2,
    "GET /admin/users": 2,
    "GET /payments/status/{txn}": 1,
}


def spent(world: World) -> dict[str, int]:
    found = {}
    for operation in READS:
        with counted() as seen:
            world.get(operation)
        found[str(operation)] = len(seen.statements)
    return found


@pytest.mark.breaks_invariants("rows are stored one by one, without what belongs to them")
def test_every_read_keeps_its_statement_budget(world: World):
    """Seen to fail with a statement for each booking of a list."""
    world.grow()
    few = spent(world)
    for _ in range(3):
        world.grow()
    many = spent(world)
    counts = {name: (few[name], many[name], BUDGETS.get(name)) for name in few}  # with few rows, with many, the budget
    assert {name: numbers for name, numbers in counts.items() if len(set(numbers)) > 1} == {}
