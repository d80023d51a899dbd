"""Refunds: sent once, polled to their end, never shown as refunded before they are done."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest

from functions.wiring import line
from shared.kit.database import ConstraintViolated
from shared.payments import queries, refunding, status_polling
from shared.payments.gateway import GatewayAnswer, GatewayStatus, GatewayUnavailable
from shared.payments.models import Attempt, Refund
from shared.payments.refunding import RESEND_AFTER
from tests.make import always, run_concurrently

GATEWAYS = ("v1", "v2")

pytestmark = pytest.mark.breaks_invariants("refunds are promised without the decision that is booked with them")


@pytest.fixture
def paid(make, gateway, phonepe):
    """Return a booking that was paid and then cancelled, and our id of its payment."""
    booking, our_id = make.paid(gateway, phonepe)
    make.run("update bookings set status = 'cancelled', acceptance = 'unassigned', provider_id = null")
    return booking, our_id


@pytest.fixture
def reserve(db, paid, now):
    """Reserve a refund of the payment; returns its id."""
    booking, our_id = paid

    def reserve(amount=booking.total):
        with db.transaction() as session:
            attempt = queries.attempt_by_our_id(session, our_id)
            locked = queries.locked_attempt(session, attempt.id)
            return refunding.reserve(session, locked, amount, reason="a test", now=now).id

    return reserve


@pytest.fixture
def advance(db, gateway, now):
    def advance(refund_id, after=timedelta(0)):
        return refunding.advance(db, always(gateway), line, refund_id, now + after)

    return advance


def states(make):
    return [state for (state,) in make.rows("select state from refunds order by created_at, id")]


def at_the_gateway(phonepe):
    return [transaction for transaction in phonepe.transactions() if transaction["kind"] == "refund"]


def shown(make):
    return make.rows("select payment_status from bookings")[0][0]


def test_a_refund_is_created_sent_pending_and_done(make, phonepe, paid, reserve, advance, now):
    booking, our_id = paid
    phonepe.fault("refund.stays_pending", transaction=our_id)
    refund = reserve()
    assert (states(make), at_the_gateway(phonepe), shown(make)) == (["created"], [], "success")
    assert advance(refund) == "pending"
    [sent] = at_the_gateway(phonepe)
    assert (sent["amount"], sent["originalTransactionId"]) == (booking.total, our_id)
    assert (advance(refund), shown(make)) == ("pending", "success")
    phonepe.settle(sent["merchantTransactionId"], "pay")
    assert advance(refund) == "done"
    assert shown(make) == "refunded"
    assert make.rows("select done_at, sent_at, next_poll_at, gateway_refund_id from refunds") == [
        (now, now, None, sent["transactionId"])
    ]


def test_a_promise_is_sent_by_the_outbox_and_asked_about_by_the_poll_schedule(make, reserve, now):
    refund, first = reserve(), now + timedelta(seconds=30)
    assert make.rows(
        "select kind, due_at from outbox where payload->>'refund_id' = :id order by due_at", id=str(refund)
    ) == [
        ("payments.refund", now),
        ("payments.poll", first),
    ]
    assert make.rows("select next_poll_at from refunds") == [(first,)]


def test_a_refund_done_is_booked_told_and_noted_once_however_often_it_is_asked_about(make, paid, reserve, advance):
    booking, _ = paid
    refund = reserve()
    for _ in range(4):
        advance(refund)
    assert states(make) == ["done"]
    assert make.balances(booking.id) == {"customer_advance": -booking.total, "refunds_payable": booking.total}
    assert make.rows("select count(*) from notifications where kind = 'refunded'") == [(1,)]
    assert make.rows("select count(*) from booking_events where kind = 'refund_done'") == [(1,)]


def test_a_refund_followed_by_many_at_once_is_one_refund(make, phonepe, reserve, advance):
    refund = reserve()
    outcomes = run_concurrently(6, lambda: advance(refund))
    advance(refund)
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert (states(make), len(at_the_gateway(phonepe))) == (["done"], 1)
    assert make.rows("select count(*) from ledger_transactions where kind = 'refund_done'") == [(1,)]
    assert make.rows("select count(*) from notifications where kind = 'refunded'") == [(1,)]


def test_a_refund_that_did_not_arrive_is_sent_again_under_its_own_id_and_not_at_once(make, phonepe, reserve, advance):
    phonepe.fault("refund.unreached")
    refund = reserve()
    with pytest.raises(GatewayUnavailable):
        advance(refund)
    assert (states(make), at_the_gateway(phonepe)) == (["sent"], [])
    assert advance(refund, RESEND_AFTER - timedelta(microseconds=1)) == "pending"
    assert at_the_gateway(phonepe) == []
    assert advance(refund, RESEND_AFTER) == "pending"
    [(our_id,)] = make.rows("select merchant_refund_id from refunds")
    assert [sent["merchantTransactionId"] for sent in at_the_gateway(phonepe)] == [our_id]
    assert advance(refund, RESEND_AFTER) == "done"


@pytest.mark.parametrize("fault", ["refund.http_500", "refund.empty", "refund.rate_limited"])
def test_a_refund_whose_answer_was_lost_is_asked_about_and_not_sent_again(make, phonepe, reserve, advance, fault):
    phonepe.fault(fault)
    refund = reserve()
    with pytest.raises(GatewayUnavailable):
        advance(refund)
    assert states(make) == ["sent"]
    assert advance(refund) == "done"
    assert len(at_the_gateway(phonepe)) == 1


def test_a_refund_sent_twice_under_one_id_is_one_refund(make, phonepe, reserve, advance):
    """The gateway claims not to know the refund; a second sending with the same id is harmless."""
    refund = reserve()
    advance(refund)
    phonepe.fault("status.not_found")
    advance(refund, RESEND_AFTER)
    assert len(at_the_gateway(phonepe)) == 1
    advance(refund, RESEND_AFTER)
    assert states(make) == ["done"]


@pytest.mark.parametrize("fault", ["refund.fails", "refund.excess", "refund.window_exceeded"])
def test_a_refund_that_fails_needs_a_person_and_is_never_shown_as_refunded(
    make, phonepe, paid, reserve, advance, fault
):
    booking, _ = paid
    phonepe.fault(fault)
    refund = reserve()
    for _ in range(3):
        state = advance(refund)
    assert (state, states(make), shown(make)) == ("needs_person", ["needs_person"], "success")
    assert make.rows("select kind, booking_id, facts->>'amount' from exceptions") == [
        ("refund_failed", booking.id, str(booking.total))
    ]
    assert make.rows("select next_poll_at from refunds") == [(None,)]
    assert make.rows("select count(*) from notifications where kind = 'refunded'") == [(0,)]
    assert make.rows("select count(*) from ledger_transactions where kind = 'refund_done'") == [(0,)]


@pytest.mark.parametrize("fault", ["status.other_amount", "status.other_merchant", "status.other_transaction"])
def test_a_refund_done_otherwise_than_we_asked_needs_a_person(make, phonepe, reserve, advance, fault):
    refund = reserve()
    advance(refund)
    phonepe.fault(fault)
    assert advance(refund) == "needs_person"
    assert shown(make) == "success"


def test_a_refund_whose_answer_is_not_explicit_stays_under_way(phonepe, reserve, advance):
    refund = reserve()
    advance(refund)
    for fault in ("unknown_code", "internal_server_error", "unauthorized"):
        phonepe.fault(f"status.{fault}")
        with suppress(GatewayUnavailable):
            assert advance(refund) == "pending"
    assert advance(refund) == "done"


def test_never_more_is_refunded_than_was_captured_and_is_left(paid, reserve, advance):
    total = paid[0].total
    for amount in (0, -1, total + 1):
        with pytest.raises(ValueError, match="cannot be refunded"):
            reserve(amount)
    first = reserve(total - 100)
    with pytest.raises(ValueError, match="of 100"):
        reserve(101)
    advance(first)
    advance(first)
    with pytest.raises(ValueError, match="of 100"):
        reserve(101)
    assert reserve(100)


@pytest.mark.parametrize("how", ["another", "raised", "of a payment that failed"])
def test_the_database_itself_refuses_to_refund_more_than_was_captured(make, paid, reserve, how):
    """The trigger refuses raw SQL too. Fails without it."""
    total = paid[0].total
    reserve(total - 100)
    change = {
        "another": "insert into refunds (id, attempt_id, booking_id, merchant_refund_id, amount, state, reason)"
        " select gen_random_uuid(), attempt_id, booking_id, 'SZR_X', 101, 'created', 'x' from refunds",
        "raised": "update refunds set amount = amount + 101",
        "of a payment that failed": "update refunds set amount = 1",
    }
    if how == "of a payment that failed":
        make.run("update payment_attempts set state = 'failed', capture = null")
    with pytest.raises(ConstraintViolated, match="refunds_within_capture"):
        make.run(change[how])
    assert make.rows("select amount from refunds") == [(total - 100,)]


def test_two_refunds_at_once_are_counted_together_by_the_database(make, paid, reserve):
    """Fails when the trigger does not lock the payment: neither would see the other."""
    reserve(100)
    half = (
        "insert into refunds (id, attempt_id, booking_id, merchant_refund_id, amount, state, reason)"
        " select id, attempt_id, booking_id, 'SZR_' || id, :amount, 'created', 'x'"
        " from (select gen_random_uuid() as id, attempt_id, booking_id from refunds limit 1) r"
    )
    outcomes = run_concurrently(3, lambda: make.run(half, amount=paid[0].total // 2))
    assert sum(isinstance(outcome, ConstraintViolated) for outcome in outcomes) == 2
    assert len(states(make)) == 2


def test_a_refund_waits_for_one_that_is_being_promised_and_then_counts_it(db, paid, reserve, now):
    """Fails when the attempt is not locked before the remaining amount is read: both would be reserved."""
    booking, our_id = paid
    with ThreadPoolExecutor(1) as pool:
        with db.transaction() as session:
            attempt = queries.locked_attempt(session, queries.attempt_by_our_id(session, our_id).id)
            refunding.reserve(session, attempt, booking.total, reason="a test", now=now)
            second = pool.submit(reserve)
            with pytest.raises(TimeoutError):
                second.result(0.3)
        with pytest.raises(ValueError, match="of 0"):
            second.result(10)


def test_what_a_booking_shows_is_counted_from_what_is_done(make, paid, reserve, advance):
    total = paid[0].total
    half, rest = reserve(total // 2), reserve(total - total // 2)
    assert shown(make) == "success"
    for _ in range(2):
        advance(half)
    assert shown(make) == "partially_refunded"
    for _ in range(2):
        advance(rest)
    assert shown(make) == "refunded"


def test_a_contradicted_refund_stays_done(make, db, reserve, advance, now):
    refund = reserve()
    for _ in range(2):
        advance(refund)
    answer = GatewayAnswer(GatewayStatus.FAILED, "PAYMENT_ERROR")
    with db.reading() as session:
        known = session.get_one(Refund, refund)
    assert refunding.settle(db, line, known, "TESTMERCHANT", answer, now) == "done"
    assert (states(make), shown(make)) == (["done"], "refunded")


def test_a_signal_about_a_refund_is_followed_by_our_id(make, db, gateway, reserve, advance, now):
    refund = reserve()
    advance(refund)
    [(our_id,)] = make.rows("select merchant_refund_id from refunds")
    assert status_polling.poll_by_our_id(db, always(gateway), line, our_id, now) == "done"


def test_a_refund_says_which_payment_it_is_of(db, paid, reserve):
    refund = reserve()
    with db.reading() as session:
        stored = session.get_one(refunding.Refund, refund)
        attempt = session.get_one(Attempt, stored.attempt_id)
    assert (attempt.merchant_txn_id, stored.booking_id) == (paid[1], paid[0].id)
    assert stored.merchant_refund_id.startswith("SZR_")
    assert len(stored.merchant_refund_id) <= 34
