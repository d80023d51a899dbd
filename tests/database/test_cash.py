"""Cash: an agreed booking has no deadline, and recorded cash pays it whatever the gateway reports meanwhile."""

from datetime import timedelta

import pytest

from functions.wiring import line
from shared.appointments import cancellation
from shared.bookings import expiry
from shared.bookings.lifecycle import Status
from shared.bookings.queries import BookingNotFound
from shared.kit.errors import Invalid
from shared.kit.ids import new_id
from shared.lines.home_chef.line import LINE
from shared.payments import cash
from shared.payments.checkout import NotPayable
from shared.payments.schemas import CashAgreed, CashTaken
from tests.make import run_concurrently


@pytest.fixture
def customer(make):
    make.chef()
    return make.customer()


@pytest.fixture
def change(db, make, booking, now):
    """Agree on cash, or record it, as an admin."""
    by = make.admin()

    def change(command, booking_id=booking.id, after=timedelta(0)):
        with db.transaction() as session:
            cash.change(session, line, booking_id, command, by, now + after)

    return change


@pytest.fixture
def take(change, booking):
    def take(held_by="provider", amount=booking.total):
        change(CashTaken(amount=amount / 100, held_by=held_by))

    return take


def agree(agreed):
    return CashAgreed(agreed=agreed)


def happened(make):
    return [kind for (kind,) in make.rows("select kind from booking_events order by id")]


def audited(make):
    return make.rows("select action, before, after from audit_log order by at, action")


def test_agreed_booking_has_no_deadline_revoked_has_a_day(db, make, booking, change, now):
    change(agree(True))
    assert (make.stored(booking.id).cash_agreed, make.stored(booking.id).pay_by) == (True, None)
    assert expiry.expire(db, line, now + timedelta(days=2)) == {"overdue": 0, "cancelled": 0}

    change(agree(False))
    stored = make.stored(booking.id)
    assert (stored.cash_agreed, stored.pay_by) == (False, now + timedelta(hours=24))
    assert expiry.expire(db, line, now + timedelta(hours=24))["cancelled"] == 1
    assert happened(make) == ["booked", "cash_agreed", "cash_not_agreed", "cancelled"]
    assert audited(make) == [
        ("booking.cash_agreed", {"cash_agreed": False}, {"cash_agreed": True}),
        ("booking.cash_agreed", {"cash_agreed": True}, {"cash_agreed": False}),
    ]


def test_accepting_cash_booking_sets_no_deadline(make, booking, change):
    """Fails when accepting sets an unpaid booking's deadline of one day all the same."""
    change(agree(True))
    make.step(booking, Status.CONFIRMED)
    assert (make.stored(booking.id).status, make.stored(booking.id).pay_by) == ("confirmed", None)


def test_agreeing_twice_has_one_effect(make, change):
    for _ in range(2):
        change(agree(True))
    assert happened(make) == ["booked", "cash_agreed"]
    assert len(audited(make)) == 1


def test_recorded_cash_pays_confirms_and_starts_offer(make, booking, take, customer, now):
    take(held_by="platform")
    stored = make.stored(booking.id)
    assert (stored.status, stored.payment_status, stored.acceptance, stored.pay_by) == (
        "confirmed",
        "success",
        "awaiting",
        None,
    )
    [(gateway, state, capture, method, amount, held_by, polled)] = make.rows(
        "select gateway, state, capture, method, amount, raw->>'held_by', next_poll_at from payment_attempts"
    )
    assert (gateway, state, capture, method, amount, held_by, polled) == (
        *("cash", "succeeded", "applied", "cash"),
        *(booking.total, "platform", None),
    )
    assert make.balances(booking.id) == {"cash": booking.total, "customer_advance": -booking.total}
    assert make.rows("select expires_at > :now from offers", now=now) == [(True,)]
    assert happened(make) == ["booked", "cash_recorded", "confirmed"]
    assert make.rows("select kind from notifications where user_id = :id", id=customer.id) == [
        ("booked",),
        ("confirmed",),
    ]
    [(action, before, after)] = audited(make)
    assert (action, before["payment_status"], after["payment_status"], after["held_by"]) == (
        *("booking.cash_recorded", "pending"),
        *("success", "platform"),
    )


def test_cash_visit_completes_like_any_other(make, booking, take):
    take()
    make.step(booking, Status.CONFIRMED, Status.IN_PROGRESS, Status.COMPLETED)
    balances = make.balances(booking.id)
    assert balances.pop("cash") == booking.total
    assert balances.keys() == {"provider_payable", "platform_revenue", "gst_payable"}


@pytest.mark.parametrize("off", [-1, 1])
def test_cash_must_be_the_outstanding_amount(make, booking, take, off):
    with pytest.raises(Invalid, match=f"cash.amount: must be the whole outstanding amount: {booking.total / 100:.2f}"):
        take(amount=booking.total + off)
    assert make.rows("select count(*) from payment_attempts") == [(0,)]


def test_paid_or_cancelled_booking_takes_no_cash(db, make, booking, change, take, customer, now):
    take()
    for command in (agree(True), CashTaken(amount=booking.total / 100, held_by="provider")):
        with pytest.raises(NotPayable, match="is paid"):
            change(command)
    with db.transaction() as session:
        cancellation.cancel(session, LINE, customer.id, booking.id, "plans", None, now)
    with pytest.raises(NotPayable, match="is cancelled"):
        take()
    assert make.rows("select count(*) from payment_attempts") == [(1,)]


def test_missing_booking_is_not_found(change):
    with pytest.raises(BookingNotFound):
        change(agree(True), new_id())


def test_cash_makes_live_attempts_success_a_refunded_duplicate(make, gateway, phonepe, customer, booking, take):
    page = make.page(gateway, customer, booking.id)
    take()
    phonepe.settle(page.merchant_txn_id, "pay")
    assert make.settle(gateway, page.merchant_txn_id) == "succeeded"
    assert sorted(make.rows("select gateway, capture from payment_attempts")) == [
        ("cash", "applied"),
        ("phonepe", "duplicate"),
    ]
    assert make.rows("select amount, reason, state from refunds") == [(booking.total, "payment_duplicate", "created")]
    assert make.stored(booking.id).payment_status == "success"
    [(refund,)] = make.rows("select merchant_refund_id from refunds")
    for _ in range(2):
        make.settle(gateway, refund)
    assert make.balances(booking.id) == {"cash": booking.total, "customer_advance": -booking.total}


def test_cash_booking_opens_no_page(make, gateway, customer, booking, take):
    take()
    with pytest.raises(NotPayable):
        make.page(gateway, customer, booking.id)


def test_concurrent_cash_and_success_are_payment_and_refund(make, gateway, phonepe, customer, booking, take):
    """Fails when the booking is not locked first: both are applied, and the index rejects one."""
    page = make.page(gateway, customer, booking.id)
    phonepe.settle(page.merchant_txn_id, "pay")
    acts = iter([take, lambda: make.settle(gateway, page.merchant_txn_id)])

    def act():
        return next(acts)()

    outcomes = run_concurrently(2, act)
    captures = sorted(make.rows("select gateway, capture from payment_attempts"))
    if captures == [("phonepe", "applied")]:
        assert [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == [NotPayable]
        assert make.rows("select count(*) from refunds") == [(0,)]
    else:
        assert captures == [("cash", "applied"), ("phonepe", "duplicate")]
        assert make.rows("select amount from refunds") == [(booking.total,)]
    assert make.stored(booking.id).payment_status == "success"


def test_concurrent_cash_is_recorded_once(make, booking, take):
    outcomes = run_concurrently(4, take)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType"] + ["NotPayable"] * 3
    assert make.balances(booking.id) == {"cash": booking.total, "customer_advance": -booking.total}


def test_cancelled_cash_booking_is_refunded_by_hand(db, make, booking, take, customer, now):
    take()
    with db.transaction() as session:
        cancellation.cancel(session, LINE, customer.id, booking.id, "plans", booking.total, now)
    assert make.rows("select state, next_poll_at from refunds") == [("needs_person", None)]
    assert make.rows("select kind, facts->>'amount' from exceptions") == [("cash_refund", str(booking.total))]
    assert make.rows("select count(*) from outbox where kind = 'payments.refund'") == [(0,)]
    assert make.stored(booking.id).payment_status == "success"
    assert make.balances(booking.id) == {"cash": booking.total, "refunds_payable": -booking.total}
