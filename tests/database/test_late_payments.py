"""Payments of expired or paid bookings are refunded in full, and the customer is notified."""

from datetime import timedelta
from uuid import UUID

import pytest

from functions.wiring import line
from shared.bookings import expiry
from shared.payments import refunding, status_polling
from tests.make import always, run_concurrently

GATEWAYS = ("v1", "v2")
EXPIRED = timedelta(hours=1)


@pytest.fixture
def poll(db, gateway, now):
    def poll(our_id, after=EXPIRED):
        return status_polling.poll_by_our_id(db, always(gateway), line, our_id, now + after)

    return poll


@pytest.fixture
def send_refunds(db, make, gateway, now):
    """Handle the outbox's refund messages, then poll the refunds."""

    def send_refunds():
        messages = make.rows("select payload->>'refund_id' from outbox where kind = 'payments.refund'")
        states = []
        for (refund_id,) in messages:
            for _ in range(2):
                state = refunding.advance(db, always(gateway), line, UUID(refund_id), now + EXPIRED)
            states.append(state.value)
        return states

    return send_refunds


def notifications_of(make, person_id):
    rows = make.rows("select kind from notifications where user_id = :id order by kind", id=person_id)
    return [kind for (kind,) in rows]


def happened(make):
    return [kind for (kind,) in make.rows("select kind from booking_events order by id")]


@pytest.fixture
def expired(db, make, gateway, customer, booking, now):
    """Let the booking expire with an open page; returns our id of the payment."""
    our_id = make.page(gateway, customer, booking.id).merchant_txn_id
    assert expiry.expire(db, line, now + EXPIRED)["cancelled"] == 1
    return our_id


def test_payment_after_expiry_is_refunded_in_full(make, phonepe, customer, booking, expired, poll, send_refunds):
    phonepe.settle(expired, "pay")
    for _ in range(2):
        assert poll(expired) == "succeeded"
    stored = make.stored(booking.id)
    assert (stored.status, stored.payment_status, stored.provider_id) == ("cancelled", "success", None)
    assert make.balances(booking.id) == {"gateway_clearing": booking.total, "refunds_payable": -booking.total}

    assert send_refunds() == ["done"]
    [refund] = [transaction for transaction in phonepe.transactions() if transaction["kind"] == "refund"]
    assert (refund["amount"], refund["originalTransactionId"]) == (booking.total, expired)
    assert make.balances(booking.id) == {}
    assert make.stored(booking.id).payment_status == "refunded"
    assert notifications_of(make, customer.id) == ["booked", "cancelled_unpaid", "refund_on_its_way", "refunded"]
    assert happened(make)[-3:] == ["cancelled", "payment_too_late", "refund_done"]
    assert make.booking(make.customer(), chef_id=booking.chef_id).chef_id == booking.chef_id


def test_chef_with_open_offer_is_not_notified(make, phonepe, booking, expired, poll, send_refunds):
    phonepe.settle(expired, "pay")
    poll(expired)
    send_refunds()
    assert notifications_of(make, booking.chef_id) == []


def test_concurrent_late_successes_refund_once(make, phonepe, booking, expired, poll, send_refunds):
    phonepe.settle(expired, "pay")
    assert set(run_concurrently(6, lambda: poll(expired))) == {"succeeded"}
    run_concurrently(2, send_refunds)
    assert make.rows("select state, amount from refunds") == [("done", booking.total)]
    assert make.balances(booking.id) == {}
    assert len([transaction for transaction in phonepe.transactions() if transaction["kind"] == "refund"]) == 1


@pytest.fixture
def paid_twice(make, phonepe, gateway, customer, booking, poll):
    """Pay a booking by its second attempt, then by the first, which had failed; returns both ids."""
    first = make.page(gateway, customer, booking.id).merchant_txn_id
    phonepe.settle(first, "decline", code="TIMED_OUT")
    assert poll(first, timedelta(0)) == "failed"
    second = make.page(gateway, customer, booking.id).merchant_txn_id
    phonepe.settle(second, "pay")
    assert poll(second, timedelta(0)) == "succeeded"
    phonepe.settle(first, "pay", force=True)
    return first, second


def test_second_success_is_refunded_booking_unchanged(make, customer, booking, paid_twice, poll, send_refunds):
    first, _ = paid_twice
    before = make.rows("select status, payment_status, acceptance, pay_by from bookings")
    for _ in range(2):
        assert poll(first) == "succeeded"
    assert make.rows("select status, payment_status, acceptance, pay_by from bookings") == before
    assert make.balances(booking.id) == {
        "gateway_clearing": 2 * booking.total,
        "customer_advance": -booking.total,
        "refunds_payable": -booking.total,
    }
    assert send_refunds() == ["done"]
    assert make.rows("select status, payment_status, acceptance, pay_by from bookings") == before
    assert make.balances(booking.id) == {"gateway_clearing": booking.total, "customer_advance": -booking.total}
    assert make.rows("select capture from payment_attempts order by created_at, capture desc") == [
        ("duplicate",),
        ("applied",),
    ]
    assert notifications_of(make, customer.id) == ["booked", "confirmed", "refund_on_its_way", "refunded"]
    assert "payment_duplicate" in happened(make)


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_second_success_after_cancellation_is_duplicate(make, booking, paid_twice, poll, send_refunds):
    make.run("update bookings set status = 'cancelled', acceptance = 'unassigned', provider_id = null")
    poll(paid_twice[0])
    assert send_refunds() == ["done"]
    assert make.stored(booking.id).payment_status == "success"


def test_concurrent_successes_apply_one_and_refund_one(make, phonepe, gateway, customer, booking, poll):
    first = make.page(gateway, customer, booking.id).merchant_txn_id
    phonepe.settle(first, "decline")
    poll(first, timedelta(0))
    second = make.page(gateway, customer, booking.id).merchant_txn_id
    phonepe.settle(first, "pay", force=True)
    phonepe.settle(second, "pay")
    both = iter([first, second])
    assert run_concurrently(2, lambda: poll(next(both))) == ["succeeded", "succeeded"]
    assert sorted(make.rows("select capture from payment_attempts")) == [("applied",), ("duplicate",)]
    assert make.rows("select count(*) from refunds") == [(1,)]
