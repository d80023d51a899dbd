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
JUST = timedelta(microseconds=1)


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


def test_a_payment_begins_with_our_row_and_the_gateways_page(pay, make, phonepe, booking, now):
    page = pay()
    assert page.payment_url.startswith(phonepe.url)
    assert page.merchant_txn_id.startswith("SZ_")
    [transaction] = phonepe.transactions()
    assert (transaction["merchantTransactionId"], transaction["amount"]) == (page.merchant_txn_id, booking.total)
    [(amount, state, started, poll)] = make.rows("select amount, state, started_at, next_poll_at from payment_attempts")
    assert (amount, state, started, poll) == (booking.total, "pending", now, now + timedelta(seconds=30))
    assert make.stored(booking.id).payment_status == "pending"
    assert ("customer", "payment_started") in make.rows("select actor, kind from booking_events")


def test_the_same_page_is_given_again_for_fifteen_minutes(pay, phonepe):
    page = pay()
    assert pay(timedelta(seconds=1)) == page
    assert pay(FRESH - JUST) == page
    assert at_the_gateway(phonepe) == [page.merchant_txn_id]


def test_an_older_page_is_asked_about_and_while_it_is_pending_there_is_no_other(pay, phonepe, make):
    page = pay()
    with pytest.raises(PaymentInProgress) as refused:
        pay(FRESH)
    assert (refused.value.status, refused.value.code) == (409, "payment_in_progress")
    assert refused.value.retry_after
    assert at_the_gateway(phonepe) == [page.merchant_txn_id]
    assert attempts(make) == [("pending", None, True)]


def test_an_older_page_that_failed_is_followed_by_a_new_one(pay, phonepe, make, booking):
    old = pay()
    phonepe.settle(old.merchant_txn_id, "decline")
    new = pay(FRESH)
    assert new.merchant_txn_id != old.merchant_txn_id
    assert attempts(make) == [("failed", "PAYMENT_ERROR", True), ("pending", None, True)]
    assert make.stored(booking.id).payment_status == "pending"


def test_an_older_page_that_was_paid_leaves_nothing_to_pay(pay, phonepe, make, booking):
    phonepe.settle(pay().merchant_txn_id, "pay")
    with pytest.raises(NotPayable):
        pay(FRESH)
    assert make.stored(booking.id).payment_status == "success"


def test_an_older_page_the_gateway_says_nothing_about_stays_the_only_one(pay, phonepe, make):
    pay()
    phonepe.fault("status.http_500")
    with pytest.raises(GatewayUnavailable):
        pay(FRESH)
    assert attempts(make) == [("pending", None, True)]


def test_a_payment_that_failed_is_followed_by_a_new_one_at_once(pay, phonepe, db, gateway, now):
    old = pay()
    phonepe.settle(old.merchant_txn_id, "decline")
    status_polling.poll_by_our_id(db, always(gateway), line, old.merchant_txn_id, now)
    assert pay(timedelta(seconds=5)).merchant_txn_id != old.merchant_txn_id


@pytest.mark.parametrize("fault", ["pay.unreached", "pay.http_500", "pay.empty", "pay.html", "pay.rate_limited"])
def test_a_gateway_without_an_answer_is_a_503_and_its_attempt_replaced_when_the_call_must_have_ended(
    pay, phonepe, make, fault
):
    phonepe.fault(fault)
    with pytest.raises(GatewayUnavailable) as refused:
        pay()
    assert (refused.value.status, attempts(make)) == (503, [("created", None, False)])
    with pytest.raises(PaymentInProgress):
        pay(CALL_ENDS - JUST)
    assert pay(CALL_ENDS).payment_url
    assert attempts(make) == [("failed", "no_page", False), ("pending", None, True)]


@pytest.mark.parametrize("fault", ["pay.refused", "pay.unauthorized"])
def test_a_payment_the_gateway_refused_to_begin_is_over_and_the_next_may_begin_at_once(pay, phonepe, make, fault):
    phonepe.fault(fault)
    with pytest.raises(GatewayUnavailable):
        pay()
    [(state, _, has_page)] = attempts(make)
    assert (state, has_page) == ("failed", False)
    assert pay(timedelta(seconds=1)).payment_url


def test_a_payment_captured_before_the_page_was_told_is_kept(pay, phonepe, make, db, gateway, booking, now):
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


def test_a_page_replaced_and_paid_all_the_same_pays_the_booking(pay, phonepe, make, db, gateway, booking, now):
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
def test_a_booking_paid_or_cancelled_has_no_page_though_one_is_fresh(pay, make):
    pay()
    make.run("update bookings set status = 'confirmed', payment_status = 'success', pay_by = null")
    with pytest.raises(NotPayable):
        pay(timedelta(seconds=1))
    make.run("update bookings set status = 'cancelled', payment_status = 'failed', acceptance = 'accepted'")
    with pytest.raises(NotPayable) as refused:
        pay(timedelta(seconds=1))
    assert refused.value.status == 409


def test_after_the_deadline_there_is_no_page_swept_or_not(pay, db, now):
    with pytest.raises(NotPayable):
        pay(timedelta(minutes=30))
    assert expiry.expire(db, line, now + timedelta(minutes=30))["cancelled"] == 1
    with pytest.raises(NotPayable):
        pay(timedelta(minutes=30))


def test_after_the_deadline_a_fresh_page_is_not_given_again(pay, make, now):
    pay()
    make.run("update bookings set pay_by = :at", at=now + timedelta(minutes=5))
    assert pay(timedelta(minutes=5) - JUST)
    with pytest.raises(NotPayable):
        pay(timedelta(minutes=5))


def test_a_booking_whose_money_a_person_looks_at_has_no_page(pay, phonepe, db, gateway, now):
    page = pay()
    phonepe.settle(page.merchant_txn_id, "pay")
    phonepe.fault("status.other_amount")
    status_polling.poll_by_our_id(db, always(gateway), line, page.merchant_txn_id, now)
    with pytest.raises(NotPayable, match="person"):
        pay(timedelta(seconds=1))


def test_a_payment_begun_in_time_carries_the_deadline_once(pay, phonepe, make, db, gateway, booking, now):
    last = pay(timedelta(minutes=29))
    assert make.stored(booking.id).pay_by == now + timedelta(minutes=29) + EXTENSION
    phonepe.settle(last.merchant_txn_id, "decline")
    status_polling.poll_by_our_id(db, always(gateway), line, last.merchant_txn_id, now + timedelta(minutes=30))
    pay(timedelta(minutes=53))
    assert make.stored(booking.id).pay_by == now + timedelta(minutes=29) + EXTENSION


def test_a_page_is_open_no_longer_than_its_booking_waits(pay, phonepe, db, gateway, now):
    last = pay(timedelta(minutes=29))
    phonepe.settle(last.merchant_txn_id, "decline")
    status_polling.poll_by_our_id(db, always(gateway), line, last.merchant_txn_id, now + timedelta(minutes=30))
    pay(timedelta(minutes=45))
    open_seconds = [9 * 60, 25 * 60] if gateway.name == "phonepe_v2" else [None, None]  # v1 has no such field
    assert [payment["openSeconds"] for payment in phonepe.transactions()] == open_seconds


def test_a_payment_that_ends_before_the_deadline_leaves_it_and_its_one_extension(
    pay, phonepe, make, db, gateway, booking, now
):
    early = pay(timedelta(minutes=1))
    assert make.stored(booking.id).pay_by == now + timedelta(minutes=30)
    phonepe.settle(early.merchant_txn_id, "decline")
    status_polling.poll_by_our_id(db, always(gateway), line, early.merchant_txn_id, now)
    pay(timedelta(minutes=20))
    assert make.stored(booking.id).pay_by == now + timedelta(minutes=20) + EXTENSION


def test_somebody_elses_booking_and_one_nobody_made_are_not_found(pay, make, gateway):
    with pytest.raises(BookingNotFound):
        pay(person=make.customer())
    with pytest.raises(BookingNotFound):
        make.page(gateway, make.customer(), new_id())


def test_many_who_start_at_once_get_one_payment(pay, phonepe, make):
    outcomes = run_concurrently(6, pay)
    pages = {outcome for outcome in outcomes if not isinstance(outcome, Exception)}
    assert len(pages) == 1
    assert {type(outcome) for outcome in outcomes if isinstance(outcome, Exception)} <= {PaymentInProgress}
    assert len(at_the_gateway(phonepe)) == 1
    assert attempts(make) == [("pending", None, True)]


def test_a_dead_call_replaced_by_many_at_once_is_replaced_by_one(pay, phonepe, make):
    phonepe.fault("pay.unreached")
    with pytest.raises(GatewayUnavailable):
        pay()
    run_concurrently(6, lambda: pay(CALL_ENDS))
    assert sorted(attempts(make)) == [("failed", "no_page", False), ("pending", None, True)]
    assert len(at_the_gateway(phonepe)) == 1


def test_nothing_is_locked_while_the_gateway_is_slow(pay, phonepe, db):
    phonepe.fault("pay.timeout", value=0.5)
    with ThreadPoolExecutor(1) as pool:
        paying = pool.submit(pay)
        until(lambda: at_the_gateway(phonepe))
        with db.transaction() as session:
            assert session.execute(text("select id from bookings for update nowait")).one()
        assert not paying.done()
        assert paying.result(10).payment_url
