"""An unpaid booking is cancelled at its deadline, once, and its time becomes available."""

from datetime import timedelta

import pytest

from functions.wiring import line
from shared.appointments.lifecycle import ProviderAction
from shared.bookings import expiry
from shared.kit.ids import new_id
from shared.payments import status_polling
from tests.make import always, run_concurrently

HALF_AN_HOUR = timedelta(minutes=30)
MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
def expire(db, now):
    def expire(after=HALF_AN_HOUR):
        return expiry.expire(db, line, now + after)

    return expire


@pytest.fixture
def accept(make, booking, now):
    def accept(after=timedelta(0)):
        make.step(booking, ProviderAction.CONFIRMED, now=now + after)

    return accept


def notifications_of(make, person_id):
    rows = make.rows("select kind from notifications where user_id = :id order by kind", id=person_id)
    return [kind for (kind,) in rows]


def test_unpaid_booking_expires_exactly_after_half_an_hour(make, booking, expire, customer, now):
    assert expire(HALF_AN_HOUR - MICROSECOND) == {"overdue": 0, "cancelled": 0}
    assert expire() == {"overdue": 1, "cancelled": 1}
    stored = make.stored(booking.id)
    assert (stored.status, stored.payment_status, stored.acceptance) == ("cancelled", "failed", "unassigned")
    assert (stored.cancellation_reason, stored.pay_by, stored.provider_id) == ("unpaid", None, None)
    assert notifications_of(make, customer.id) == ["booked", "cancelled_unpaid"]
    last = make.rows(
        "select actor, kind, from_status, to_status, reason, at from booking_events order by id desc limit 1"
    )
    assert last == [("system", "cancelled", "pending", "cancelled", "unpaid", now + HALF_AN_HOUR)]
    assert make.rows("select state, answered_at from offers") == [("withdrawn", now + HALF_AN_HOUR)]


def test_chef_with_open_offer_is_not_notified_of_expiry(make, booking, expire):
    expire()
    assert notifications_of(make, booking.chef_id) == []


def test_cancelled_bookings_time_is_free_again(make, booking, expire):
    expire()
    assert make.booking(make.customer(), chef_id=booking.chef_id).chef_id == booking.chef_id


@pytest.mark.usefixtures("booking")
def test_cancelled_booking_is_not_cancelled_again(make, expire, customer):
    expire()
    assert expire() == {"overdue": 0, "cancelled": 0}
    assert notifications_of(make, customer.id) == ["booked", "cancelled_unpaid"]


def test_paid_booking_does_not_expire(make, phonepe, gateway, expire):
    booking, _ = make.paid(gateway, phonepe)
    assert expire(timedelta(days=2)) == {"overdue": 0, "cancelled": 0}
    assert make.stored(booking.id).status == "confirmed"


def test_expiry_and_payment_are_decided_on_locked_row(make, phonepe, gateway, db, customer, booking, now):
    """Overdue bookings are listed without locks; the first to lock the row decides, with no state between."""
    our_id = make.page(gateway, customer, booking.id).merchant_txn_id
    phonepe.settle(our_id, "pay")
    later = now + timedelta(hours=1)
    turns = iter(["expire", "pay"])

    def act():
        if next(turns) == "pay":
            return status_polling.poll_by_our_id(db, always(gateway), line, our_id, later)
        return expiry.expire(db, line, later)

    outcomes = run_concurrently(2, act)
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    stored = make.stored(booking.id)
    assert (stored.status, stored.payment_status) in {("cancelled", "success"), ("confirmed", "success")}
    owed_back = make.rows("select count(*) from refunds")[0][0]
    assert owed_back == (1 if stored.status == "cancelled" else 0)


def test_booking_paid_after_overdue_read_is_kept(make, booking, now):
    stored = make.stored(booking.id)
    assert expiry.is_overdue(stored, now + HALF_AN_HOUR)
    stored.payment_status = "success"
    assert not expiry.is_overdue(stored, now + HALF_AN_HOUR)


def test_concurrent_sweeps_cancel_each_booking_once(make, expire):
    make.chef()
    people = [make.customer() for _ in range(4)]
    for day, person in enumerate(people):
        make.booking(person, booking_date=make.day(3 + day))
    outcomes = run_concurrently(3, expire)
    assert sum(outcome["cancelled"] for outcome in outcomes) == 4
    assert make.rows("select count(*) from notifications where kind = 'cancelled_unpaid'") == [(4,)]
    assert make.rows("select count(*) from booking_events where kind = 'cancelled'") == [(4,)]


def test_payment_started_in_time_extends_deadline(make, gateway, customer, booking, expire, now):
    make.page(gateway, customer, booking.id, now + timedelta(minutes=29))
    assert expire(timedelta(minutes=54) - MICROSECOND) == {"overdue": 0, "cancelled": 0}
    assert expire(timedelta(minutes=54)) == {"overdue": 1, "cancelled": 1}


def test_confirmed_booking_has_a_day_to_pay(make, booking, accept, expire, customer, now):
    accept()
    assert make.stored(booking.id).pay_by == now + timedelta(hours=24)
    assert expire() == {"overdue": 0, "cancelled": 0}
    assert expire(timedelta(hours=24)) == {"overdue": 1, "cancelled": 1}
    stored = make.stored(booking.id)
    assert (stored.status, stored.acceptance, stored.provider_id) == ("cancelled", "accepted", booking.chef_id)
    assert notifications_of(make, customer.id) == ["accepted", "booked", "cancelled_unpaid"]
    assert notifications_of(make, booking.chef_id) == ["visit_cancelled"]
    assert make.rows("select state from offers") == [("withdrawn",)]
    assert make.booking(make.customer(), chef_id=booking.chef_id)


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_failing_cancellation_does_not_block_others(make, booking, expire):
    """Fails when the job ends at the first error: the same booking (no appointment) would be first in every run."""
    make.run(
        """insert into bookings (id, line, ref, provider_id, customer_id, status, payment_status, acceptance, city, total, breakdown,
             pay_by)
           select :id, line, 'X', provider_id, customer_id, status, payment_status, acceptance, city, total, breakdown,
             pay_by - interval '1 minute' from bookings""",
        id=new_id(),
    )
    assert expire()["cancelled"] == 1
    assert make.stored(booking.id).status == "cancelled"
