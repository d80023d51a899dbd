"""A provider's calendar: the week, the days off, and the visits that block a change."""

from datetime import date, time

import pytest

from shared.appointments.providers import days_off, queries, week
from shared.appointments.providers.days_off import AppointmentsBooked, DayOffNotFound, DayOffTaken
from shared.appointments.providers.schemas import DayOffRequest, SlotRequest
from shared.appointments.providers.week import AvailabilityNotFound, AvailabilityOverlap
from shared.kit.errors import Invalid
from shared.kit.ids import new_id
from shared.kit.paging import PageQuery
from shared.lines.home_chef import profile
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.schemas import ChefProfileChange
from shared.lines.home_chef.visit import NoChefFree
from tests.make import run_concurrently
from tests.round_trips import counted

ALL_DAY = [(day, 0, 1440) for day in range(7)]
TODAY, MONDAY, TUESDAY = date(2026, 11, 20), date(2026, 11, 23), date(2026, 11, 24)


def slot(day, starts, ends):
    return SlotRequest(day_of_week=day, start_time=starts, end_time=ends)


@pytest.fixture
def chef(make):
    return make.chef(week=[])


@pytest.fixture
def add(db, chef, now):
    def add(*wanted):
        with db.transaction() as session:
            return week.add(session, chef.id, slot(*wanted), now)

    return add


@pytest.fixture
def replace(db, chef, now):
    def replace(*slots):
        with db.transaction() as session:
            return week.replace(session, chef.id, [slot(*wanted) for wanted in slots], now)

    return replace


def take_off(db, chef, day, now, reason=None):
    with db.transaction() as session:
        return days_off.add(session, LINE, chef.id, DayOffRequest(day=day, reason=reason), now)


def version(make, chef):
    [(version,)] = make.rows("select calendar_version from providers where user_id = :id", id=chef.id)
    return version


def stored_week(make):
    return make.rows("select weekday, starts, ends from provider_availability order by weekday, starts")


def test_adjacent_slots_are_stored_and_bookable_as_one(make, chef, add):
    for wanted in (("mon", "20:00", "22:00"), ("mon", "22:00", "24:00"), ("tue", "00:00", "01:00")):
        added = add(*wanted)
        assert (added.day_of_week, added.start_time, added.end_time) == wanted
    assert make.booking(booking_date=MONDAY, time_slot=time(21), duration_hours=4).chef_id == chef.id


@pytest.mark.parametrize("wanted", [("08:00", "12:00"), ("09:00", "10:00"), ("11:30", "14:00"), ("00:00", "24:00")])
def test_overlap_is_refused_with_the_existing_slot(make, add, wanted):
    first = add("mon", "08:00", "12:00")
    with pytest.raises(AvailabilityOverlap, match="mon 08:00 to 12:00") as refused:
        add("mon", *wanted)
    assert refused.value.members == {"slot": first.model_dump(mode="json")}
    assert stored_week(make) == [(0, 480, 720)]


def test_other_days_times_and_providers_do_not_overlap(db, make, add, now):
    add("mon", "08:00", "12:00")
    add("tue", "08:00", "12:00")
    add("mon", "12:00", "13:00")
    with db.transaction() as session:
        week.add(session, make.chef(week=[]).id, slot("mon", "08:00", "12:00"), now)
    assert len(stored_week(make)) == 4


def test_concurrent_overlapping_slots_store_one(make, add):
    outcomes = run_concurrently(6, lambda: add("mon", "08:00", "12:00"))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AvailabilityOverlap"] * 5 + ["SlotView"]
    assert stored_week(make) == [(0, 480, 720)]


def test_slot_is_removed_only_by_its_provider(db, make, add, chef):
    added = add("mon", "08:00", "12:00")
    for person, slot_id in ((make.chef(week=[]), added.id), (chef, new_id())):
        with pytest.raises(AvailabilityNotFound), db.transaction() as session:
            week.remove(session, person.id, slot_id)
    assert stored_week(make) == [(0, 480, 720)]
    with db.transaction() as session:
        week.remove(session, chef.id, added.id)
    assert stored_week(make) == []


def test_new_week_replaces_only_own_week(make, add, replace):
    other = make.chef(week=[(3, 0, 60)])
    add("mon", "08:00", "12:00")
    stored = replace(("wed", "10:00", "12:00"), ("mon", "08:00", "24:00"), ("wed", "08:00", "10:00"))
    assert [(one.day_of_week, one.start_time) for one in stored] == [
        ("mon", "08:00"),
        ("wed", "08:00"),
        ("wed", "10:00"),
    ]
    assert stored_week(make) == [(0, 480, 1440), (2, 480, 600), (2, 600, 720), (3, 0, 60)]
    assert replace() == []
    assert make.rows("select provider_id from provider_availability") == [(other.id,)]


def test_week_with_overlap_is_refused_unchanged(make, replace):
    replace(("mon", "08:00", "12:00"))
    with pytest.raises(Invalid, match=r"slots.2: overlaps slots.0"):
        replace(("tue", "08:00", "12:00"), ("mon", "08:00", "12:00"), ("tue", "11:30", "13:00"))
    assert stored_week(make) == [(0, 480, 720)]


@pytest.mark.parametrize("count", [1, 70])
def test_week_costs_three_statements(replace, count):
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    slots = [(days[n % 7], f"{n // 7:02d}:00", f"{n // 7:02d}:30") for n in range(count)]
    with counted() as seen:
        replace(*slots)
    assert len(seen.statements) == 3


def test_day_off_blocks_visits_until_removed(db, make, now):
    chef = make.chef(week=ALL_DAY)
    taken = take_off(db, chef, MONDAY, now, "A wedding")
    assert (taken.day, taken.reason) == (MONDAY, "A wedding")
    with pytest.raises(NoChefFree):
        make.booking(booking_date=MONDAY)
    with db.transaction() as session:
        days_off.remove(session, chef.id, taken.id)
    assert make.booking(booking_date=MONDAY).chef_id == chef.id


def test_day_off_is_unique_and_not_in_the_past(db, make, now):
    chef, other = make.chef(), make.chef()
    take_off(db, chef, TODAY, now)
    with pytest.raises(DayOffTaken):
        take_off(db, chef, TODAY, now)
    assert take_off(db, other, TODAY, now)
    with pytest.raises(Invalid, match="day"):
        take_off(db, chef, date(2026, 11, 19), now)


def test_providers_day_is_local(db, make, now):
    """Fails with the day in UTC: at 01:00 in Mumbai it is still yesterday there."""
    chef, at_night = make.chef(), now.replace(hour=19, minute=30)
    with pytest.raises(Invalid, match="day"):
        take_off(db, chef, TODAY, at_night)
    assert take_off(db, chef, date(2026, 11, 21), at_night)


def test_day_off_over_visits_is_refused_naming_each(db, make, now):
    """Fails for the night's visit when only the booking's day is checked."""
    chef = make.chef(week=ALL_DAY)
    night = make.booking(make.customer(), booking_date=MONDAY, time_slot=time(23))
    noon = make.booking(make.customer(), booking_date=TUESDAY, time_slot=time(12))
    with pytest.raises(AppointmentsBooked, match=f"{night.ref}, {noon.ref}") as refused:
        take_off(db, chef, TUESDAY, now)
    assert refused.value.members == {
        "visits": [
            {"ref": night.ref, "starts_at": "2026-11-23T17:30:00Z", "ends_at": "2026-11-23T19:30:00Z"},
            {"ref": noon.ref, "starts_at": "2026-11-24T06:30:00Z", "ends_at": "2026-11-24T08:30:00Z"},
        ]
    }
    assert make.rows("select count(*) from provider_days_off") == [(0,)]


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_travel_gap_and_other_bookings_do_not_block_day_off(db, make, now):
    """Fails when the busy period is checked, which reaches half an hour into the next day."""
    chef = make.chef(week=ALL_DAY)
    make.booking(make.customer(), booking_date=MONDAY, time_slot=time(22))
    take_off(db, chef, TUESDAY, now)
    take_off(db, make.chef(), MONDAY, now)
    make.run(
        "update bookings set status = 'cancelled', payment_status = 'failed', acceptance = 'unassigned', provider_id = null"
    )
    take_off(db, chef, MONDAY, now)


def test_day_off_is_removed_only_by_its_provider(db, make, now):
    chef = make.chef()
    taken = take_off(db, chef, MONDAY, now)
    with pytest.raises(DayOffNotFound), db.transaction() as session:
        days_off.remove(session, make.chef().id, taken.id)
    assert make.rows("select count(*) from provider_days_off") == [(1,)]


def test_paging_days_off_is_stable_latest_first(db, make, now):
    chef = make.chef()
    take_off(db, make.chef(), MONDAY, now)
    for day in (3, 1, 5, 2):
        take_off(db, chef, make.day(day), now)
    with db.reading() as session:
        first, cursor = queries.days_off_of(session, chef.id, PageQuery(limit=2))
    take_off(db, chef, make.day(4), now)
    with db.reading() as session:
        second, end = queries.days_off_of(session, chef.id, PageQuery(limit=2, cursor=cursor))
    assert [row.day for row in first] == [make.day(5), make.day(3)]
    assert [row.day for row in second] == [make.day(2), make.day(1)]
    assert end is None


def test_every_availability_change_increases_version(db, make, now, chef, add, replace):
    def step(act):
        before = version(make, chef)
        act()
        return version(make, chef) - before

    def change(**fields):
        with db.transaction() as session:
            profile.change(session, chef.id, ChefProfileChange(**fields))

    added, taken = [], []
    assert step(lambda: added.append(add("mon", "08:00", "12:00"))) == 1
    assert step(lambda: replace(("mon", "08:00", "12:00"))) == 1
    assert step(lambda: taken.append(take_off(db, chef, MONDAY, now))) == 1
    assert step(lambda: change(is_available=False)) == 1
    assert step(lambda: change(service_city="Pune", bio="Moved")) == 1
    assert step(lambda: change(bio="Grills", hourly_rate=500)) == 0
    with db.transaction() as session:
        days_off.remove(session, chef.id, taken[0].id)
    [(slot_id,)] = make.rows("select id from provider_availability")
    with db.transaction() as session:
        week.remove(session, chef.id, slot_id)
    assert version(make, chef) == 7
    with pytest.raises(AvailabilityNotFound), db.transaction() as session:
        week.remove(session, chef.id, slot_id)
    assert version(make, chef) == 7


def test_calendar_change_locks_provider_until_commit(db, make, chef):
    """Fails when the calendar's version is increased without locking the provider's row, which a booking locks."""
    with db.transaction() as session:
        queries.lock_calendar(session, chef.id)
        held = "select id from users where id = :id for no key update skip locked"
        assert make.rows(held, id=chef.id) == []


def test_concurrent_changes_both_count(db, make, chef):
    def touch():
        with db.transaction() as session:
            queries.lock_calendar(session, chef.id)

    run_concurrently(8, touch)
    assert version(make, chef) == 8


def test_change_costs_two_statements_day_off_three(db, chef, add, now):
    with counted() as seen:
        add("mon", "08:00", "12:00")
    assert len(seen.statements) == 2
    with counted() as seen:
        take_off(db, chef, MONDAY, now)
    assert len(seen.statements) == 3
