"""Starting a payment: one open page at a time, only for the customer's own payable booking."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from functions.wiring import line
from shared.bookings import expiry
from shared.bookings.queries import BookingNotFound
from shared.kit.ids import new_id
from shared.payments import status_polling
from shared.payments.checkout import NotPayable, PaymentInProgress
from shared.payments.gateway import GatewayUnavailable
from tests.make import always, run_concurrently
from tests.waiting import until

GATEWAYS = ("v1", "v2")
CALL_ENDS = timedelta(seconds=20)
FRESH, EXTENSION = timedelta(minutes=15), timedelta(minutes=25)
MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
def pay(make, gateway, customer, booking, now):
    """Start a payment that long after the booking was made."""

    def pay(after=timedelta(0), person=customer):
        return make.page(gateway, person, booking.id, now + after)

    return pay


def attempts(make):
    return make.rows("select state, code, payment_url is not null from payment_attempts order by started_at")


def at_the_gateway(phonepe):
    return [payment["merchantTransactionId"] for payment in phonepe.transactions()]


def test_payment_starts_with_attempt_and_gateway_page(pay, make, phonepe, booking, now):
    page = pay()
    assert page.payment_url.startswith(phonepe.url)
    assert page.merchant_txn_id.startswith("SZ_")
    [transaction] = phonepe.transactions()
    assert (transaction["merchantTransactionId"], transaction["amount"]) == (page.merchant_txn_id, booking.total)
    [(amount, state, started, poll)] = make.rows("select amount, state, started_at, next_poll_at from payment_attempts")
    assert (amount, state, started, poll) == (booking.total, "pending", now, now + timedelta(seconds=30))
    assert make.stored(booking.id).payment_status == "pending"
    assert ("customer", "payment_started") in make.rows("select actor, kind from booking_events")


def test_same_page_is_returned_for_fifteen_minutes(pay, phonepe):
    page = pay()
    assert pay(timedelta(seconds=1)) == page
    assert pay(FRESH - MICROSECOND) == page
    assert at_the_gateway(phonepe) == [page.merchant_txn_id]


def test_pending_older_page_is_polled_and_blocks_new_page(pay, phonepe, make):
    page = pay()
    with pytest.raises(PaymentInProgress) as refused:
        pay(FRESH)
    assert (refused.value.status, refused.value.code) == (409, "payment_in_progress")
    assert refused.value.retry_after
    assert at_the_gateway(phonepe) == [page.merchant_txn_id]
    assert attempts(make) == [("pending", None, True)]


def test_failed_older_page_is_replaced(pay, phonepe, make, booking):
    old = pay()
    phonepe.settle(old.merchant_txn_id, "decline")
    new = pay(FRESH)
    assert new.merchant_txn_id != old.merchant_txn_id
    assert attempts(make) == [("failed", "PAYMENT_ERROR", True), ("pending", None, True)]
    assert make.stored(booking.id).payment_status == "pending"


def test_paid_older_page_leaves_nothing_to_pay(pay, phonepe, make, booking):
    phonepe.settle(pay().merchant_txn_id, "pay")
    with pytest.raises(NotPayable):
        pay(FRESH)
    assert make.stored(booking.id).payment_status == "success"


def test_unknown_older_page_remains_the_only_one(pay, phonepe, make):
    pay()
    phonepe.fault("status.http_500")
    with pytest.raises(GatewayUnavailable):
        pay(FRESH)
    assert attempts(make) == [("pending", None, True)]


def test_failed_payment_can_be_restarted_at_once(pay, phonepe, db, gateway, now):
    old = pay()
    phonepe.settle(old.merchant_txn_id, "decline")
    status_polling.poll_by_our_id(db, always(gateway), line, old.merchant_txn_id, now)
    assert pay(timedelta(seconds=5)).merchant_txn_id != old.merchant_txn_id


@pytest.mark.parametrize("fault", ["pay.unreached", "pay.http_500", "pay.empty", "pay.html", "pay.rate_limited"])
def test_unanswered_start_is_503_and_later_replaced(pay, phonepe, make, fault):
    phonepe.fault(fault)
    with pytest.raises(GatewayUnavailable) as refused:
        pay()
    assert (refused.value.status, attempts(make)) == (503, [("created", None, False)])
    with pytest.raises(PaymentInProgress):
        pay(CALL_ENDS - MICROSECOND)
    assert pay(CALL_ENDS).payment_url
    assert attempts(make) == [("failed", "no_page", False), ("pending", None, True)]


@pytest.mark.parametrize("fault", ["pay.refused", "pay.unauthorized"])
def test_refused_start_fails_attempt_and_allows_retry(pay, phonepe, make, fault):
    phonepe.fault(fault)
    with pytest.raises(GatewayUnavailable):
        pay()
    [(state, _, has_page)] = attempts(make)
    assert (state, has_page) == ("failed", False)
    assert pay(timedelta(seconds=1)).payment_url


def test_payment_captured_before_page_answer_is_kept(pay, phonepe, make, db, gateway, booking, now):
    """The callback arrives first, and the answer to the pay call never arrives."""
    phonepe.fault("pay.callback_first")
    phonepe.fault("pay.http_500")
    with pytest.raises(GatewayUnavailable):
        pay()
    [our_id] = at_the_gateway(phonepe)
    assert status_polling.poll_by_our_id(db, always(gateway), line, our_id, now) == "succeeded"
    assert make.stored(booking.id).payment_status == "success"
    with pytest.raises(NotPayable):
        pay(timedelta(minutes=1))


def test_replaced_page_still_pays_booking(pay, phonepe, make, db, gateway, booking, now):
    phonepe.fault("pay.http_500")
    with pytest.raises(GatewayUnavailable):
        pay()
    [first] = at_the_gateway(phonepe)
    second = pay(CALL_ENDS)
    phonepe.settle(first, "pay")
    assert status_polling.poll_by_our_id(db, always(gateway), line, first, now) == "succeeded"
    assert make.stored(booking.id).status == "confirmed"
    phonepe.settle(second.merchant_txn_id, "pay")
    status_polling.poll_by_our_id(db, always(gateway), line, second.merchant_txn_id, now)
    captures = make.rows("select capture from payment_attempts order by started_at")
    assert captures == [("applied",), ("duplicate",)]


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_paid_or_cancelled_booking_has_no_page(pay, make):
    pay()
    make.run("update bookings set status = 'confirmed', payment_status = 'success', pay_by = null")
    with pytest.raises(NotPayable):
        pay(timedelta(seconds=1))
    make.run("update bookings set status = 'cancelled', payment_status = 'failed', acceptance = 'accepted'")
    with pytest.raises(NotPayable) as refused:
        pay(timedelta(seconds=1))
    assert refused.value.status == 409


def test_no_page_after_deadline_before_or_after_sweep(pay, db, now):
    with pytest.raises(NotPayable):
        pay(timedelta(minutes=30))
    assert expiry.expire(db, line, now + timedelta(minutes=30))["cancelled"] == 1
    with pytest.raises(NotPayable):
        pay(timedelta(minutes=30))


def test_fresh_page_is_not_reused_after_deadline(pay, make, now):
    pay()
    make.run("update bookings set pay_by = :at", at=now + timedelta(minutes=5))
    assert pay(timedelta(minutes=5) - MICROSECOND)
    with pytest.raises(NotPayable):
        pay(timedelta(minutes=5))


def test_booking_under_review_has_no_page(pay, phonepe, db, gateway, now):
    page = pay()
    phonepe.settle(page.merchant_txn_id, "pay")
    phonepe.fault("status.other_amount")
    status_polling.poll_by_our_id(db, always(gateway), line, page.merchant_txn_id, now)
    with pytest.raises(NotPayable, match="manual review"):
        pay(timedelta(seconds=1))


def test_payment_started_in_time_extends_deadline_once(pay, phonepe, make, db, gateway, booking, now):
    last = pay(timedelta(minutes=29))
    assert make.stored(booking.id).pay_by == now + timedelta(minutes=29) + EXTENSION
    phonepe.settle(last.merchant_txn_id, "decline")
    status_polling.poll_by_our_id(db, always(gateway), line, last.merchant_txn_id, now + timedelta(minutes=30))
    pay(timedelta(minutes=53))
    assert make.stored(booking.id).pay_by == now + timedelta(minutes=29) + EXTENSION


def test_page_closes_with_bookings_deadline(pay, phonepe, db, gateway, now):
    last = pay(timedelta(minutes=29))
    phonepe.settle(last.merchant_txn_id, "decline")
    status_polling.poll_by_our_id(db, always(gateway), line, last.merchant_txn_id, now + timedelta(minutes=30))
    pay(timedelta(minutes=45))
    open_seconds = [9 * 60, 25 * 60] if gateway.name == "phonepe_v2" else [None, None]  # v1 has no such field
    assert [payment["openSeconds"] for payment in phonepe.transactions()] == open_seconds


def test_payment_ended_early_leaves_deadline_and_extension(pay, phonepe, make, db, gateway, booking, now):
    early = pay(timedelta(minutes=1))
    assert make.stored(booking.id).pay_by == now + timedelta(minutes=30)
    phonepe.settle(early.merchant_txn_id, "decline")
    status_polling.poll_by_our_id(db, always(gateway), line, early.merchant_txn_id, now)
    pay(timedelta(minutes=20))
    assert make.stored(booking.id).pay_by == now + timedelta(minutes=20) + EXTENSION


def test_foreign_or_missing_booking_is_not_found(pay, make, gateway):
    with pytest.raises(BookingNotFound):
        pay(person=make.customer())
    with pytest.raises(BookingNotFound):
        make.page(gateway, make.customer(), new_id())


def test_concurrent_starts_get_one_payment(pay, phonepe, make):
    outcomes = run_concurrently(6, pay)
    pages = {outcome for outcome in outcomes if not isinstance(outcome, Exception)}
    assert len(pages) == 1
    assert {type(outcome) for outcome in outcomes if isinstance(outcome, Exception)} <= {PaymentInProgress}
    assert len(at_the_gateway(phonepe)) == 1
    assert attempts(make) == [("pending", None, True)]


def test_concurrent_starts_replace_dead_attempt_once(pay, phonepe, make):
    phonepe.fault("pay.unreached")
    with pytest.raises(GatewayUnavailable):
        pay()
    run_concurrently(6, lambda: pay(CALL_ENDS))
    assert sorted(attempts(make)) == [("failed", "no_page", False), ("pending", None, True)]
    assert len(at_the_gateway(phonepe)) == 1


def test_no_lock_is_held_during_slow_gateway_call(pay, phonepe, db):
    phonepe.fault("pay.timeout", value=0.5)
    with ThreadPoolExecutor(1) as pool:
        paying = pool.submit(pay)
        until(lambda: at_the_gateway(phonepe))
        with db.transaction() as session:
            assert session.execute(text("select id from bookings for update nowait")).one()
        assert not paying.done()
        assert paying.result(10).payment_url
