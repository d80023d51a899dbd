"""Addresses belong to their owner, with one default; the service area is read from the city's rows."""

from datetime import timedelta
from itertools import product

import pytest

from shared.appointments.request import NotServiceable
from shared.kit.ids import new_id
from shared.kit.paging import PageQuery
from shared.places import queries
from shared.places.models import Address, Location, ServiceArea
from shared.places.queries import AddressNotFound
from shared.places.serviceability import Place, decide
from shared.users.models import User
from tests.make import run_concurrently

HOME = {"full_address": "1 Main Road", "city": "Pune", "pincode": "411001", "is_default": False}
BANDRA, FAR = (19.0596, 72.8295), (18.5204, 73.8567)


@pytest.fixture
def person(db):
    """Return a customer without an address."""

    def person():
        with db.transaction() as session:
            user = User(id=new_id(), email=f"{new_id()}@test.example")
            session.add(user)
        return user.id

    return person


@pytest.fixture
def add(db, now):
    def add(user_id, after=0, **overrides):
        with db.transaction() as session:
            session.get(User, user_id, with_for_update=True)
            at = now + timedelta(seconds=after)
            return queries.add_address(session, user_id, HOME | overrides, at).id

    return add


def defaults(make, user_id):
    rows = make.rows("select id from addresses where user_id = :user and is_default", user=user_id)
    return [row[0] for row in rows]


def test_first_address_is_default_later_only_on_request(add, make, person):
    user = person()
    first = add(user)
    assert defaults(make, user) == [first]
    add(user)
    assert defaults(make, user) == [first]
    third = add(user, is_default=True)
    assert defaults(make, user) == [third]


def test_new_default_replaces_previous_default(add, make, person, db):
    user = person()
    first, second = add(user), add(user)
    for chosen in (second, second, first):
        with db.transaction() as session:
            assert queries.change_address(session, user, chosen, {"is_default": True}).is_default
        assert defaults(make, user) == [chosen]


def test_concurrent_first_addresses_have_one_default(add, make, person):
    user = person()
    outcomes = run_concurrently(5, lambda: add(user, is_default=True))
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert len(defaults(make, user)) == 1


def test_default_change_leaves_other_users_default(add, make, person):
    mine, other_user = person(), person()
    first = add(mine)
    add(other_user, is_default=True)
    assert defaults(make, mine) == [first]


def test_newest_address_replaces_removed_default(add, make, person, db):
    user = person()
    first, second, third = add(user), add(user, after=1), add(user, after=2)
    for removed, following in ((first, [third]), (second, [third]), (third, [])):
        with db.transaction() as session:
            queries.remove_address(session, user, removed)
        assert defaults(make, user) == following


def test_partial_change_keeps_omitted_and_clears_null_fields(add, person, db):
    user = person()
    address = add(user, state="Maharashtra", latitude=BANDRA[0], longitude=BANDRA[1])
    with db.transaction() as session:
        queries.change_address(session, user, address, {"label": "Work", "state": None})
    with db.reading() as session:
        stored = session.get_one(Address, address)
    assert (stored.label, stored.state, stored.city, stored.latitude) == ("Work", None, "Pune", BANDRA[0])


def test_foreign_address_is_not_found(add, person, db):
    mine, other_user = person(), person()
    address = add(mine)
    for act in (
        lambda session: queries.change_address(session, other_user, address, {"label": "Mine now"}),
        lambda session: queries.remove_address(session, other_user, address),
        lambda session: queries.remove_address(session, mine, new_id()),
    ):
        with pytest.raises(AddressNotFound), db.transaction() as session:
            act(session)
    with db.reading() as session:
        assert queries.addresses_of(session, other_user, PageQuery()) == ([], None)


def test_paging_lists_each_address_once_newest_first(add, person, db):
    user = person()
    made = [add(user, after=number // 3) for number in range(7)]
    seen, cursor = [], None
    while True:
        with db.reading() as session:
            rows, cursor = queries.addresses_of(session, user, PageQuery(limit=2, cursor=cursor))
        seen += rows
        assert len(rows) <= 2
        if cursor is None:
            break
    assert sorted(row.id for row in seen) == sorted(made)
    assert [row.created_at for row in seen] == sorted((row.created_at for row in seen), reverse=True)


CITIES = {
    "a circle": ([(None, True)], [(True, 0)]),
    "a circle switched off": ([(None, True)], [(False, 0)]),
    "a city alone": ([(None, True)], []),
    "a city switched off": ([(None, False)], [(True, 0)]),
    "pincodes": ([("400050", True), ("400051", True)], []),
    "one pincode switched off": ([("400050", False), ("400051", True)], []),
    "a city and one pincode switched off": ([(None, True), ("400050", False)], [(True, 0)]),
    "the circle of a pincode": ([("400051", True)], [(True, 0)]),
    "nothing": ([], []),
}


@pytest.mark.breaks_invariants("a row is changed by a statement")
@pytest.mark.parametrize("city", CITIES)
def test_booking_and_serviceability_check_agree(make, db, city):
    """The check and the booking read the rows by separate statements and must agree."""
    customer = make.customer()
    make.chef()
    make.run("delete from locations")
    locations, circles = CITIES[city]
    with db.transaction() as session:
        rows = [
            Location(id=new_id(), city="mumbai", state="M", pincode=pin, is_serviceable=on) for pin, on in locations
        ]
        session.add_all(rows)
        session.flush()
        for is_active, number in circles:
            place = {"latitude": BANDRA[0], "longitude": BANDRA[1], "radius_km": 5.0}
            session.add(ServiceArea(location_id=rows[number].id, name="B", city="mumbai", is_active=is_active, **place))
    for at, pincode in product((BANDRA, FAR, (None, None)), ("400050", "400051", "400099")):
        make.run(
            "update addresses set latitude = :lat, longitude = :lng, pincode = :pin", lat=at[0], lng=at[1], pin=pincode
        )
        with db.reading() as session:
            decision = decide(Place("MUMBAI", pincode, *at), queries.coverage_of(session, "MUMBAI"))
        try:
            make.booking(customer)
            make.run("""update bookings set status = 'cancelled', payment_status = 'failed', acceptance = 'unassigned',
              provider_id = null""")
            booked, rule = True, decision.rule
        except NotServiceable as refused:
            booked, rule = False, refused.members["rule"]
        assert (booked, rule) == (decision.serviceable, decision.rule)
