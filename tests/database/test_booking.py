"""Booking a visit: its price, its chef and the stored rows."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy import text

from shared.bookings.lifecycle import Acceptance, PaymentStatus, Status
from shared.lines.home_chef import queries
from shared.lines.home_chef.views import booking_view
from shared.lines.home_chef.visit import NoChefFree
from shared.places.models import Address

MONDAY, SUNDAY = 0, 6


@pytest.mark.parametrize(
    ("rate", "hours", "guests", "at", "total"),
    [
        (399_00, 2, 4, time(12), 879_80),
        (399_00, 3, 8, time(19), 2_361_56),
        (399_00, 2, 2, time(18), 1_055_75),
        (599_00, 4, 15, time(13), 5_018_58),
        (106_00, 1, 4, time(12), 116_87),
    ],
)
def test_the_published_prices_are_charged_to_the_paisa(make, rate, hours, guests, at, total):
    make.chef(rate)
    booking = make.booking(duration_hours=hours, guest_count=guests, time_slot=at)
    assert booking.total == total
    assert make.stored(booking.id).total == total
    assert make.rows("select amount, purpose, currency from payments") == [(total, "whole", "INR")]


def test_new_booking_is_pending_with_payment_deadline(make, now):
    booking = make.booking()
    assert (booking.status, booking.payment_status, booking.acceptance) == (
        Status.PENDING,
        PaymentStatus.PENDING,
        Acceptance.AWAITING,
    )
    assert booking.pay_by == now + timedelta(minutes=30)
    assert booking.ref.startswith("SZ-")
    assert len(booking.ref) == 11
    assert make.rows("select state, expires_at, provider_id from offers") == [("open", None, booking.chef_id)]
    assert make.rows("select actor, kind, from_status, to_status from booking_events") == [
        ("customer", "booked", None, "pending")
    ]


def test_answer_equals_later_read_of_booking(make, db):
    customer = make.customer()
    booking = make.booking(customer, special_requests="No onions", guest_count=7, duration_hours=3, time_slot=time(20))
    with db.reading() as session:
        row, refunds = queries.of_customer(session, customer.id, booking.id)
    assert booking_view(row, refunds) == booking


def test_local_time_is_stored_as_instant_with_travel_gap(make):
    booking = make.booking(booking_date=date(2026, 11, 23), time_slot=time(12), duration_hours=3)
    assert booking.starts_at == datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
    held = make.stored(booking.id).busy_period
    assert (held.lower, held.upper) == (
        datetime(2026, 11, 23, 6, 30, tzinfo=UTC),
        datetime(2026, 11, 23, 10, tzinfo=UTC),
    )
    assert held.bounds == "[)"


def test_breakdown_terms_and_earning_are_stored(make):
    booking = make.booking(guest_count=8, duration_hours=3, time_slot=time(19))
    assert make.stored(booking.id).breakdown == {
        "base": 1_197_00,
        "guest_surcharge": 588_00,
        "peak_premium": 357_00,
        "platform_fee": 107_10,
        "gst_service": 107_10,
        "gst_fee": 5_36,
    }
    [(rate, earning, terms)] = make.rows("select (details->>'rate')::int, earning, cancellation from appointments")
    assert (rate, earning) == (399_00, booking.breakdown.subtotal)
    assert terms["tiers"][0] == {"from_hours": 24, "refund_bp": 10_000}


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_price_survives_tariff_and_rate_changes(make):
    booking = make.booking()
    make.run("update providers set rate = 50000")
    make.run(
        """insert into home_chef_tariffs (valid_from, rates, cancellation)
      select :at, rates || '{"platform_fee_bp": 900}', cancellation from home_chef_tariffs""",
        at=make.now,
    )
    assert make.stored(booking.id).total == booking.total
    assert make.booking(time_slot=time(16)).breakdown.platform_fee == 90_00


def test_tariff_without_a_field_has_its_default(make, now):
    """Fails at the end, if the invariant of prices knows no defaults: it would report every booking of such a tariff."""
    usual = make.booking(time_slot=time(19))
    make.run(
        """insert into home_chef_tariffs (valid_from, rates, cancellation)
      select :at, rates - 'peak_bp' - 'commission_bp', cancellation from home_chef_tariffs""",
        at=now - timedelta(seconds=1),
    )
    assert make.booking(booking_date=make.day(9), time_slot=time(19)).total == usual.total


def test_tariff_applies_from_its_first_day(make, now):
    later = now + timedelta(days=1)
    make.run(
        """insert into home_chef_tariffs (valid_from, rates, cancellation)
      select :at, rates || '{"platform_fee_bp": 900}', cancellation from home_chef_tariffs""",
        at=later,
    )
    assert make.booking().breakdown.platform_fee == 39_90
    assert make.booking(now=later, time_slot=time(16)).breakdown.platform_fee == 71_82


def test_address_is_copied_and_survives_row_changes(make, db):
    customer = make.customer()
    booking = make.booking(customer)
    make.run("update addresses set full_address = 'Elsewhere', city = 'Pune'")
    with db.transaction() as session:
        session.delete(session.get_one(Address, customer.address_id))
    with db.reading() as session:
        row, _ = queries.of_customer(session, customer.id, booking.id)
    assert make.rows("select address_id from appointments") == [(None,)]
    assert booking_view(row).address.full_address == "12 Hill Road"
    assert (row["address"]["city"], row["address"]["pincode"]) == ("Mumbai", "400050")


def test_cheapest_then_better_rated_free_chef_is_chosen(make):
    make.chef(450_00, rating=5.0)
    unrated, good, best = make.chef(400_00), make.chef(400_00, rating=4.1), make.chef(400_00, rating=4.9)
    assert [make.booking(make.customer()).chef_id for _ in range(3)] == [best.id, good.id, unrated.id]
    assert make.booking(make.customer()).breakdown.base == 900_00
    with pytest.raises(NoChefFree):
        make.booking(make.customer())


def test_named_chef_is_booked_despite_cheaper_chef(make):
    make.chef(100_00)
    named = make.chef(500_00)
    assert make.booking(chef_id=named.id).chef_id == named.id


@pytest.mark.parametrize(
    "unfit",
    [{"is_verified": False}, {"is_available": False}, {"service_city": "Pune"}, {"service_city": None}, {"week": []}],
    ids=["unverified", "unavailable", "another city", "no city", "no week"],
)
def test_chef_outside_service_area_is_not_chosen(make, unfit):
    make.chef(100_00, **unfit)
    fit = make.chef(500_00)
    assert make.booking().chef_id == fit.id


def test_deactivated_chef_is_not_chosen(make):
    deactivated, fit = make.chef(100_00), make.chef(500_00)
    make.run("update users set is_active = false where id = :id", id=deactivated.id)
    assert make.booking().chef_id == fit.id


def test_city_matches_in_any_case(make):
    assert make.booking(chef_id=make.chef(service_city="MUMBAI").id)


@pytest.mark.parametrize(
    ("week", "day", "at", "hours", "free"),
    [
        ([(MONDAY, 480, 720)], date(2026, 11, 23), time(10), 2, True),
        ([(MONDAY, 480, 720)], date(2026, 11, 23), time(10, 30), 2, False),
        ([(MONDAY, 480, 720)], date(2026, 11, 23), time(7, 30), 2, False),
        ([(MONDAY, 480, 600), (MONDAY, 600, 720)], date(2026, 11, 23), time(9), 2, True),
        ([(MONDAY, 480, 600), (MONDAY, 601, 720)], date(2026, 11, 23), time(9), 2, False),
        ([(MONDAY, 1200, 1440), (1, 0, 120)], date(2026, 11, 23), time(22), 4, True),
        ([(MONDAY, 1200, 1440), (1, 0, 120)], date(2026, 11, 23), time(22, 30), 4, False),
        ([(SUNDAY, 1200, 1440), (MONDAY, 0, 120)], date(2026, 11, 22), time(23), 3, True),
        ([(SUNDAY, 1200, 1440), (MONDAY, 0, 120)], date(2026, 11, 23), time(0), 2, True),
        ([(SUNDAY, 1200, 1440)], date(2026, 11, 22), time(22), 2, True),
        ([(SUNDAY, 1200, 1440)], date(2026, 11, 22), time(23), 2, False),
    ],
)
def test_weekly_hours_must_cover_visit_across_midnight(make, week, day, at, hours, free):
    chef = make.chef(week=week)
    if free:
        assert make.booking(booking_date=day, time_slot=at, duration_hours=hours).chef_id == chef.id
    else:
        with pytest.raises(NoChefFree):
            make.booking(booking_date=day, time_slot=at, duration_hours=hours)


def test_day_off_blocks_every_visit_touching_it(make, db):
    chef = make.chef(week=[(day, 0, 1440) for day in range(7)])
    with db.transaction() as session:
        session.execute(
            text(
                "insert into provider_days_off (id, provider_id, day) values (gen_random_uuid(), :chef, '2026-11-24')"
            ),
            {"chef": chef.id},
        )
    for at in (time(23), time(22, 30)):
        with pytest.raises(NoChefFree):
            make.booking(booking_date=date(2026, 11, 23), time_slot=at)
    with pytest.raises(NoChefFree):
        make.booking(booking_date=date(2026, 11, 24), time_slot=time(0))
    assert make.booking(make.customer(), booking_date=date(2026, 11, 23), time_slot=time(22))
    assert make.booking(make.customer(), booking_date=date(2026, 11, 25), time_slot=time(0, 30))
