"""Refused bookings and the details of their refusals."""

from datetime import date, datetime, time, timedelta

import pytest

from shared.appointments.request import NotServiceable, Overlapping, TooManyUnpaid
from shared.bookings.models import Booking
from shared.kit.errors import Invalid
from shared.kit.ids import new_id
from shared.lines.home_chef.visit import ChefUnavailable, NoChefFree
from tests.make import run_concurrently

ALL_DAY = [(day, 0, 1440) for day in range(7)]


def nearest(refused):
    return [datetime.fromisoformat(at) for at in refused.value.members["nearest"]]


def book_at(make, at, customer=None, **overrides):
    return make.booking(customer or make.customer(), booking_date=at.date(), time_slot=at.time(), **overrides)


def test_busy_named_chef_is_refused_with_bookable_times(make):
    chef = make.chef()
    make.booking(chef_id=chef.id)
    with pytest.raises(ChefUnavailable) as refused:
        make.booking(make.customer(), chef_id=chef.id)
    times = nearest(refused)
    assert [at.time() for at in times] == [time(9, 30), time(14, 30), time(9)]
    for at in times:
        assert at.utcoffset() == timedelta(hours=5, minutes=30)
    for at in times[1:]:
        assert book_at(make, at, chef_id=chef.id).chef_id == chef.id


def test_nearest_times_respect_minimum_notice(make, now):
    chef = make.chef(week=ALL_DAY)
    at = now + timedelta(hours=8)  # 18:30 in Mumbai; from 12:30 on it is bookable
    make.booking(booking_date=at.date(), time_slot=time(12, 30), duration_hours=8, chef_id=chef.id)
    with pytest.raises(ChefUnavailable) as refused:
        make.booking(make.customer(), booking_date=at.date(), time_slot=time(13), chef_id=chef.id)
    assert [at.time() for at in nearest(refused)] == [time(21), time(21, 30), time(22)]


def test_nearest_times_keep_gap_to_visits_outside_search(make):
    """Fails when visits are read only up to the end of the last time that could be offered."""
    chef = make.chef(week=[(0, 600, 720), (2, 600, 1440)])  # Monday 10:00 to 12:00, Wednesday from 10:00
    make.booking(make.customer(), booking_date=date(2026, 11, 23), time_slot=time(10), chef_id=chef.id)
    make.booking(make.customer(), booking_date=date(2026, 11, 25), time_slot=time(12), chef_id=chef.id)
    with pytest.raises(ChefUnavailable) as refused:
        make.booking(make.customer(), booking_date=date(2026, 11, 23), time_slot=time(10), chef_id=chef.id)
    assert nearest(refused) == []


def test_nearest_times_respect_days_off_in_local_time(make):
    """Fails when days off are read up to the last day in UTC."""
    chef = make.chef(week=[(day, 0, 240) for day in range(7)])
    for day in range(22, 27):
        make.run(
            "insert into provider_days_off (id, provider_id, day) values (gen_random_uuid(), :chef, :day)",
            chef=chef.id,
            day=date(2026, 11, day),
        )
    with pytest.raises(ChefUnavailable) as refused:
        make.booking(booking_date=date(2026, 11, 24), time_slot=time(1), chef_id=chef.id)
    assert nearest(refused) == []


@pytest.mark.parametrize("unfit", [{"is_verified": False}, {"is_available": False}, {"service_city": "Pune"}])
def test_named_chef_outside_area_is_refused_without_times(make, unfit):
    chef = make.chef(**unfit)
    with pytest.raises(ChefUnavailable) as refused:
        make.booking(chef_id=chef.id)
    assert nearest(refused) == []


def test_unknown_named_chef_is_refused_as_outside_area(make):
    with pytest.raises(ChefUnavailable):
        make.booking(chef_id=new_id())


def test_nothing_is_stored_without_free_chef(make, db):
    make.chef()
    make.booking()
    with pytest.raises(NoChefFree):
        make.booking(make.customer())
    with db.reading() as session:
        assert session.query(Booking).count() == 1


def test_next_visit_may_begin_right_after_gap(make):
    chef = make.chef()
    make.booking(chef_id=chef.id)
    with pytest.raises(ChefUnavailable):
        make.booking(make.customer(), chef_id=chef.id, time_slot=time(14))
    assert make.booking(make.customer(), chef_id=chef.id, time_slot=time(14, 30))
    with pytest.raises(ChefUnavailable):
        make.booking(make.customer(), chef_id=chef.id, time_slot=time(10))
    assert make.booking(make.customer(), chef_id=chef.id, time_slot=time(9, 30))


def test_customers_overlapping_booking_names_the_first(make):
    make.chef()
    make.chef()
    customer = make.customer()
    first = make.booking(customer)
    for at in (time(11), time(12), time(13, 30)):
        with pytest.raises(Overlapping, match=first.ref) as refused:
            make.booking(customer, time_slot=at)
        assert refused.value.members == {"ref": first.ref}
    assert make.booking(customer, time_slot=time(14))
    assert make.booking(customer, time_slot=time(10))


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_cancelled_booking_does_not_overlap(make):
    customer = make.customer()
    first = make.booking(customer)
    make.run(
        "update bookings set status = 'cancelled', payment_status = 'failed', acceptance = 'unassigned', provider_id = null"
    )
    assert make.booking(customer).chef_id == first.chef_id


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_fourth_unpaid_booking_is_refused(make):
    customer = make.customer()
    first, *_ = [make.booking(customer, time_slot=time(hour)) for hour in (8, 11, 14)]
    with pytest.raises(TooManyUnpaid):
        make.booking(customer, time_slot=time(18))
    make.run("update bookings set status = 'confirmed', payment_status = 'success' where id = :id", id=first.id)
    assert make.booking(customer, time_slot=time(18))
    assert make.booking(make.customer(), booking_date=make.day(4))


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_confirmed_and_failed_bookings_count_as_unpaid(make):
    customer = make.customer()
    for hour in (8, 11, 14):
        make.booking(customer, time_slot=time(hour))
    make.run("update bookings set payment_status = 'failed', status = 'confirmed'")
    with pytest.raises(TooManyUnpaid):
        make.booking(customer, time_slot=time(18))


def test_ten_concurrent_bookings_leave_at_most_three_unpaid(make):
    """Fails when the customer's row is not locked first."""
    customer = make.customer()
    for _ in range(5):
        make.chef()
    slots = iter([time(hour) for hour in (8, 11, 14, 17, 20)] * 2)
    outcomes = run_concurrently(10, lambda: make.booking(customer, time_slot=next(slots)))
    refused = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert len(refused) == 7
    assert {type(refusal) for refusal in refused} <= {TooManyUnpaid, Overlapping}
    assert make.rows("select count(*) from bookings") == [(3,)]


def test_visit_is_two_hours_to_sixty_days_ahead(make, now):
    make.chef(week=ALL_DAY)
    at = now + timedelta(hours=2)  # 12:30 in Mumbai
    day = at.date()
    assert make.booking(make.customer(), booking_date=day, time_slot=time(12, 30))
    with pytest.raises(Invalid, match="time_slot"):
        make.booking(now=now + timedelta(seconds=1), booking_date=day, time_slot=time(12, 30))
    with pytest.raises(Invalid, match="time_slot"):
        make.booking(booking_date=make.day(-1))
    last = make.day(60)
    assert make.booking(make.customer(), booking_date=last, time_slot=time(10, 30))
    with pytest.raises(Invalid, match="booking_date"):
        make.booking(make.customer(), booking_date=last, time_slot=time(11))


def test_foreign_address_is_invalid(make):
    other = make.customer()
    with pytest.raises(Invalid, match="address_id"):
        make.booking(make.customer(), address_id=other.address_id)
    with pytest.raises(Invalid, match="address_id"):
        make.booking(make.customer(), address_id=new_id())


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("update addresses set city = 'Nagpur'", "unknown_city"),
        ("update locations set is_serviceable = false", "switched_off"),
        ("update addresses set latitude = 18.5, longitude = 73.8", "area"),
    ],
)
def test_unserved_place_is_refused_with_its_rule(make, change, rule):
    customer = make.customer()
    make.chef()
    make.run(change)
    with pytest.raises(NotServiceable) as refused:
        make.booking(customer)
    assert refused.value.members == {"rule": rule}


def test_inactive_circle_is_ignored(make):
    customer = make.customer()
    make.run("update addresses set latitude = 18.5, longitude = 73.8")
    make.run("update service_areas set is_active = false")
    assert make.booking(customer)
