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


def test_refund_is_created_sent_pending_and_done(make, phonepe, paid, reserve, advance, now):
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


def test_outbox_sends_refund_and_schedule_polls_it(make, reserve, now):
    refund, first = reserve(), now + timedelta(seconds=30)
    assert make.rows(
        "select kind, due_at from outbox where payload->>'refund_id' = :id order by due_at", id=str(refund)
    ) == [
        ("payments.refund", now),
        ("payments.poll", first),
    ]
    assert make.rows("select next_poll_at from refunds") == [(first,)]


def test_refund_completion_has_one_effect_for_many_polls(make, paid, reserve, advance):
    booking, _ = paid
    refund = reserve()
    for _ in range(4):
        advance(refund)
    assert states(make) == ["done"]
    assert make.balances(booking.id) == {"customer_advance": -booking.total, "refunds_payable": booking.total}
    assert make.rows("select count(*) from notifications where kind = 'refunded'") == [(1,)]
    assert make.rows("select count(*) from booking_events where kind = 'refund_done'") == [(1,)]


def test_concurrent_polls_make_one_refund(make, phonepe, reserve, advance):
    refund = reserve()
    outcomes = run_concurrently(6, lambda: advance(refund))
    advance(refund)
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert (states(make), len(at_the_gateway(phonepe))) == (["done"], 1)
    assert make.rows("select count(*) from ledger_transactions where kind = 'refund_done'") == [(1,)]
    assert make.rows("select count(*) from notifications where kind = 'refunded'") == [(1,)]


def test_lost_refund_is_resent_later_with_same_id(make, phonepe, reserve, advance):
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
def test_refund_with_lost_answer_is_polled_not_resent(make, phonepe, reserve, advance, fault):
    phonepe.fault(fault)
    refund = reserve()
    with pytest.raises(GatewayUnavailable):
        advance(refund)
    assert states(make) == ["sent"]
    assert advance(refund) == "done"
    assert len(at_the_gateway(phonepe)) == 1


def test_duplicate_refund_id_is_one_refund(make, phonepe, reserve, advance):
    """The gateway claims not to know the refund; a second sending with the same id is harmless."""
    refund = reserve()
    advance(refund)
    phonepe.fault("status.not_found")
    advance(refund, RESEND_AFTER)
    assert len(at_the_gateway(phonepe)) == 1
    advance(refund, RESEND_AFTER)
    assert states(make) == ["done"]


@pytest.mark.parametrize("fault", ["refund.fails", "refund.excess", "refund.window_exceeded"])
def test_failed_refund_needs_person_and_is_not_refunded(make, phonepe, paid, reserve, advance, fault):
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
def test_mismatched_refund_needs_person(make, phonepe, reserve, advance, fault):
    refund = reserve()
    advance(refund)
    phonepe.fault(fault)
    assert advance(refund) == "needs_person"
    assert shown(make) == "success"


def test_ambiguous_answer_leaves_refund_unfinished(phonepe, reserve, advance):
    refund = reserve()
    advance(refund)
    for fault in ("unknown_code", "internal_server_error", "unauthorized"):
        phonepe.fault(f"status.{fault}")
        with suppress(GatewayUnavailable):
            assert advance(refund) == "pending"
    assert advance(refund) == "done"


def test_refunds_never_exceed_captured_amount(paid, reserve, advance):
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


@pytest.mark.parametrize("case", ["another", "raised", "of a payment that failed"])
def test_database_refuses_refunds_above_captured_amount(make, paid, reserve, case):
    """The trigger refuses raw SQL too. Fails without it."""
    total = paid[0].total
    reserve(total - 100)
    change = {
        "another": "insert into refunds (id, attempt_id, booking_id, merchant_refund_id, amount, state, reason)"
        " select gen_random_uuid(), attempt_id, booking_id, 'SZR_X', 101, 'created', 'x' from refunds",
        "raised": "update refunds set amount = amount + 101",
        "of a payment that failed": "update refunds set amount = 1",
    }
    if case == "of a payment that failed":
        make.run("update payment_attempts set state = 'failed', capture = null")
    with pytest.raises(ConstraintViolated, match="refunds_within_capture"):
        make.run(change[case])
    assert make.rows("select amount from refunds") == [(total - 100,)]


def test_database_counts_concurrent_refunds_together(make, paid, reserve):
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


def test_refund_waits_for_concurrent_reservation(db, paid, reserve, now):
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


def test_shown_refunds_are_completed_ones(make, paid, reserve, advance):
    total = paid[0].total
    half, rest = reserve(total // 2), reserve(total - total // 2)
    assert shown(make) == "success"
    for _ in range(2):
        advance(half)
    assert shown(make) == "partially_refunded"
    for _ in range(2):
        advance(rest)
    assert shown(make) == "refunded"


def test_contradicted_refund_remains_done(make, db, reserve, advance, now):
    refund = reserve()
    for _ in range(2):
        advance(refund)
    answer = GatewayAnswer(GatewayStatus.FAILED, "PAYMENT_ERROR")
    with db.reading() as session:
        known = session.get_one(Refund, refund)
    assert refunding.settle(db, line, known, "TESTMERCHANT", answer, now) == "done"
    assert (states(make), shown(make)) == (["done"], "refunded")


def test_refund_signal_polls_by_our_id(make, db, gateway, reserve, advance, now):
    refund = reserve()
    advance(refund)
    [(our_id,)] = make.rows("select merchant_refund_id from refunds")
    assert status_polling.poll_by_our_id(db, always(gateway), line, our_id, now) == "done"


def test_refund_names_its_payment(db, paid, reserve):
    refund = reserve()
    with db.reading() as session:
        stored = session.get_one(refunding.Refund, refund)
        attempt = session.get_one(Attempt, stored.attempt_id)
    assert (attempt.merchant_txn_id, stored.booking_id) == (paid[1], paid[0].id)
    assert stored.merchant_refund_id.startswith("SZR_")
    assert len(stored.merchant_refund_id) <= 34
