"""A customer's cancellation: the refund equals the preview, the slot is free, and every paisa is posted."""

from datetime import timedelta

import pytest

from shared.appointments import cancellation
from shared.appointments.cancellation import NotCancellable, RefundChanged
from shared.appointments.lifecycle import ProviderAction
from shared.bookings.queries import BookingNotFound
from shared.lines.home_chef.line import LINE


@pytest.fixture
def customer(make):
    make.chef()
    return make.customer()


def preview(db, customer, booking, now):
    with db.transaction() as session:
        return cancellation.preview(session, LINE, customer.id, booking.id, now)


def cancel(db, customer, booking, now, expected=None):
    with db.transaction() as session:
        cancellation.cancel(session, LINE, customer.id, booking.id, "our plans changed", expected, now)


def test_unpaid_booking_is_cancelled_without_refund(db, make, customer, now):
    booking = make.booking(customer)
    assert preview(db, customer, booking, now).refund == 0
    cancel(db, customer, booking, now)

    stored = make.stored(booking.id)
    assert (stored.status, stored.payment_status, stored.acceptance) == ("cancelled", "failed", "unassigned")
    assert (stored.provider_id, stored.pay_by) == (None, None)
    assert make.rows("select state from offers") == [("withdrawn",)]
    assert make.booking(make.customer()).chef_id == booking.chef_id


def test_paid_unaccepted_booking_is_refunded_in_full(db, make, gateway, phonepe, customer, now):
    booking, _ = make.paid(gateway, phonepe, customer)
    shown = preview(db, customer, booking, now)
    assert (shown.refund, shown.valid_until) == (booking.total, None)
    cancel(db, customer, booking, now, shown.refund)

    assert make.rows("select amount, state, reason from refunds") == [(booking.total, "created", "cancelled")]
    assert make.balances(booking.id) == {"gateway_clearing": booking.total, "refunds_payable": -booking.total}
    assert make.stored(booking.id).payment_status == "success"
    assert ("cancelled_with_refund",) in make.rows("select kind from notifications")


def test_late_cancellation_refunds_half_and_splits_rest(db, make, gateway, phonepe, customer, now):
    booking, _ = make.paid(gateway, phonepe, customer)
    make.step(booking, ProviderAction.CONFIRMED, now=now)
    late = booking.starts_at - timedelta(hours=6)
    shown = preview(db, customer, booking, late)
    assert shown.valid_until == booking.starts_at - timedelta(hours=4)
    cancel(db, customer, booking, late, shown.refund)

    balances = make.balances(booking.id)
    retained = booking.total - shown.refund
    assert balances["refunds_payable"] == -shown.refund
    assert sum(balances.get(name, 0) for name in ("provider_payable", "platform_revenue", "gst_payable")) == -retained
    assert balances["provider_payable"] == -round(booking.breakdown.subtotal * retained / booking.total)
    assert "customer_advance" not in {name for name, amount in balances.items() if amount}
    assert make.stored(booking.id).provider_id == booking.chef_id
    assert {("cancelled_with_refund",), ("visit_cancelled",)} <= set(make.rows("select kind from notifications"))


def test_stale_previewed_refund_cancels_nothing(db, make, gateway, phonepe, customer, now):
    booking, _ = make.paid(gateway, phonepe, customer)
    make.step(booking, ProviderAction.CONFIRMED, now=now)
    shown = preview(db, customer, booking, now)
    with pytest.raises(RefundChanged) as refused:
        cancel(db, customer, booking, booking.starts_at - timedelta(hours=5), shown.refund)
    assert refused.value.members == {"refund": booking.total / 200}
    assert make.stored(booking.id).status == "confirmed"
    assert make.rows("select count(*) from refunds") == [(0,)]


def test_payment_after_cancellation_is_refunded(db, make, gateway, phonepe, customer, now):
    booking = make.booking(customer)
    page = make.page(gateway, customer, booking.id)
    cancel(db, customer, booking, now)
    phonepe.settle(page.merchant_txn_id, "pay")
    assert make.settle(gateway, page.merchant_txn_id) == "succeeded"

    assert make.rows("select amount, reason from refunds") == [(booking.total, "payment_too_late")]
    assert make.stored(booking.id).status == "cancelled"


@pytest.mark.parametrize("steps", [2, 3])
def test_started_or_ended_booking_cannot_be_cancelled(db, make, gateway, phonepe, customer, now, steps):
    booking, _ = make.paid(gateway, phonepe, customer)
    for step in (ProviderAction.CONFIRMED, ProviderAction.IN_PROGRESS, ProviderAction.COMPLETED)[:steps]:
        make.step(booking, step, now=now)
    with pytest.raises(NotCancellable):
        preview(db, customer, booking, now)
    with pytest.raises(NotCancellable):
        cancel(db, customer, booking, now)


def test_second_cancellation_is_refused_without_refund(db, make, gateway, phonepe, customer, now):
    booking, _ = make.paid(gateway, phonepe, customer)
    cancel(db, customer, booking, now)
    with pytest.raises(NotCancellable):
        cancel(db, customer, booking, now)
    assert make.rows("select count(*) from refunds") == [(1,)]


def test_foreign_booking_is_not_found(db, make, customer, now):
    booking = make.booking(customer)
    for attempt in (preview, cancel):
        with pytest.raises(BookingNotFound):
            attempt(db, make.customer(), booking, now)
