"""Admin changes of the service area: no duplicates, audited, without effect on booked visits."""

from datetime import timedelta
from uuid import UUID

import pytest

from shared.appointments.request import NotServiceable
from shared.audit.context import AuditContext
from shared.kit.ids import new_id
from shared.kit.paging import PageQuery
from shared.places import catalog
from shared.places.catalog import AreaNotFound, LocationExists, LocationNotFound
from tests.make import run_concurrently
from tests.round_trips import counted

BY = AuditContext(UUID(int=7), "198.51.100.7", "request-7")
PUNE = {"city": "Pune", "state": "Maharashtra", "pincode": None, "is_serviceable": True}
CIRCLE = {"name": "Camp", "latitude": 18.51, "longitude": 73.88, "radius_km": 5.0, "is_active": True}


@pytest.fixture
def act(db, now):
    """Apply one catalogue change in its own transaction."""

    def act(use_case, *arguments, after=0):
        with db.transaction() as session:
            return use_case(session, *arguments, BY, now + timedelta(seconds=after))

    return act


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"city": "PUNE", "state": "Goa"}),
        ({"pincode": "411001"}, {"pincode": "411001", "city": "pune", "is_serviceable": False}),
    ],
)
def test_place_is_unique_in_any_spelling_of_its_city(act, make, first, second):
    act(catalog.add, PUNE | first)
    with pytest.raises(LocationExists):
        act(catalog.add, PUNE | second)
    other = act(catalog.add, PUNE | {"pincode": "411002"})
    with pytest.raises(LocationExists):
        act(catalog.change, other.id, PUNE | second)
    assert make.rows("select count(*) from locations") == [(2,)]
    assert make.rows("select count(*) from audit_log") == [(2,)]


def test_concurrent_additions_add_one_place(act, make):
    """Fails without the unique index: each transaction's earlier lookup finds nothing."""
    outcomes = run_concurrently(5, lambda: act(catalog.add, PUNE))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LocationExists"] * 4 + ["LocationView"]
    assert make.rows("select count(*) from locations") == [(1,)]


def test_partial_change_keeps_omitted_fields_null_means_city(act):
    pincode = act(catalog.add, PUNE | {"pincode": "411001"})
    changed = act(catalog.change, pincode.id, {"pincode": None, "is_serviceable": False})
    assert changed == pincode.model_copy(update={"pincode": None, "is_serviceable": False})
    assert act(catalog.change, pincode.id, {}) == changed


def test_renamed_city_keeps_its_circles(act, make):
    location = act(catalog.add, PUNE)
    area = act(catalog.add_area, location.id, CIRCLE)
    renamed = act(catalog.change, location.id, {"city": "Poona"})
    assert renamed.areas == [area]
    assert make.rows("select city from service_areas") == [("Poona",)]


def test_circle_is_changed_alone_and_removed_with_location(act, make):
    location = act(catalog.add, PUNE)
    first, second = act(catalog.add_area, location.id, CIRCLE), act(catalog.add_area, location.id, CIRCLE, after=1)
    changed = act(catalog.change_area, first.id, {"radius_km": 0.5, "is_active": False})
    assert changed == first.model_copy(update={"radius_km": 0.5, "is_active": False})
    act(catalog.remove_area, first.id)
    assert make.rows("select id from service_areas") == [(second.id,)]
    act(catalog.remove, location.id)
    assert make.rows("select id from service_areas") == []


def test_missing_place_is_not_found(act):
    for use_case, arguments in (
        (catalog.change, ({},)),
        (catalog.remove, ()),
        (catalog.add_area, (CIRCLE,)),
    ):
        with pytest.raises(LocationNotFound):
            act(use_case, new_id(), *arguments)
    for use_case, arguments in ((catalog.change_area, ({},)), (catalog.remove_area, ())):
        with pytest.raises(AreaNotFound):
            act(use_case, new_id(), *arguments)


def test_switched_off_city_keeps_visits_and_takes_no_more(act, make):
    location, customer = make.city(), make.customer()
    booking = make.booking(customer)
    act(catalog.change, location, {"is_serviceable": False})
    with pytest.raises(NotServiceable):
        make.booking(customer, booking_date=make.day(4))
    act(catalog.remove, location)
    with pytest.raises(NotServiceable):
        make.booking(customer, booking_date=make.day(4))
    assert make.stored(booking.id).status == "pending"


def test_every_change_is_audited_removals_in_full(act, make):
    location = act(catalog.add, PUNE)
    area = act(catalog.add_area, location.id, CIRCLE)
    act(catalog.change_area, area.id, {"radius_km": 7.5}, after=1)
    act(catalog.change, location.id, {"is_serviceable": False}, after=2)
    act(catalog.remove, location.id, after=3)
    rows = make.rows("select action, subject_id, before, after from audit_log order by at, action")
    assert [(action, subject) for action, subject, _, _ in rows] == [
        ("location.added", location.id),
        ("service_area.added", area.id),
        ("service_area.changed", area.id),
        ("location.changed", location.id),
        ("location.removed", location.id),
    ]
    assert [row[2] for row in rows[:4]] == [None, None, {"radius_km": 5.0}, {"is_serviceable": True}]
    assert rows[2][3] == {"radius_km": 7.5}
    assert rows[4][2]["areas"][0]["radius_km"] == 7.5
    assert rows[4][3] is None


def page(db, **query):
    with db.reading() as session:
        rows, cursor = catalog.locations(session, PageQuery(**query))
    return [(location.pincode, len(areas)) for location, areas in rows], cursor


def test_paging_is_stable_while_places_are_added(db, act):
    for number in range(5):
        location = act(catalog.add, PUNE | {"pincode": f"41100{number}"}, after=number // 2)
        for _ in range(number):
            act(catalog.add_area, location.id, CIRCLE)
    seen, cursor = page(db, limit=2)
    act(catalog.add, PUNE | {"pincode": "411099"}, after=60)
    while cursor:
        items, cursor = page(db, limit=2, cursor=cursor)
        assert len(items) <= 2
        seen += items
    assert sorted(seen) == [(f"41100{number}", number) for number in range(5)]


@pytest.mark.parametrize("count", [1, 4])
def test_page_of_places_is_one_statement(db, act, count):
    for number in range(count):
        location = act(catalog.add, PUNE | {"pincode": f"41100{number}"})
        act(catalog.add_area, location.id, CIRCLE)
        act(catalog.add_area, location.id, CIRCLE)
    with counted() as seen:
        items, _ = page(db)
    assert [areas for _, areas in items] == [2] * count
    assert len(seen.statements) == 1
