"""Settlement of payments, on the real database, through the real client, against the gateway's stand-in."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from functions.wiring import line
from shared.payments import queries, settlement, status_polling
from shared.payments.gateway import GatewayAnswer, GatewayStatus, GatewayUnavailable
from shared.payments.matching import NOT_FOUND_GRACE
from tests.make import always, run_concurrently

GATEWAYS = ("v1", "v2")
MISMATCHES = ["status.other_amount", "status.other_merchant", "status.other_transaction"]


@pytest.fixture
def poll(db, gateway, our_id, now):
    """Poll a payment as after a signal; returns its state."""

    def poll(txn=our_id, after=timedelta(0)):
        return status_polling.poll_by_our_id(db, always(gateway), line, txn, now + after)

    return poll


@pytest.fixture
def attempt(db, our_id):
    """Return the attempt as read before a poll."""

    def attempt():
        with db.reading() as session:
            return queries.attempt_by_our_id(session, our_id)

    return attempt


@pytest.fixture
def settle(db, booking, our_id, attempt, now):
    """Settle an answer the stand-in cannot give."""

    def settle(status, known=None, **overrides):
        answer = GatewayAnswer(
            status, "CODE", merchant="TESTMERCHANT", merchant_txn_id=our_id, amount=booking.total, gateway_txn_id="T1"
        )
        return settlement.settle(db, line, known or attempt(), "TESTMERCHANT", replace(answer, **overrides), now)

    return settle


def notifications(make):
    return sorted(kind for (kind,) in make.rows("select kind from notifications"))


def happened(make):
    return [kind for (kind,) in make.rows("select kind from booking_events order by id")]


def test_success_confirms_booking_with_one_posting(make, phonepe, booking, our_id, poll):
    phonepe.settle(our_id, "pay")
    for _ in range(3):
        assert poll() == "succeeded"
    stored = make.stored(booking.id)
    assert (stored.status, stored.payment_status, stored.acceptance) == ("confirmed", "success", "awaiting")
    assert stored.pay_by is None
    assert make.balances(booking.id) == {"gateway_clearing": booking.total, "customer_advance": -booking.total}
    assert notifications(make) == ["booked", "confirmed", "visit_to_answer"]
    assert happened(make) == ["booked", "payment_started", "payment_succeeded", "confirmed"]


def test_success_stores_gateways_details(make, phonepe, gateway, our_id, poll, now):
    phonepe.settle(our_id, "pay")
    poll()
    [payment] = phonepe.transactions()
    stored = make.rows(
        "select gateway_txn_id, bank_reference, code, capture, settled_at, next_poll_at from payment_attempts"
    )
    code = "COMPLETED" if gateway.name == "phonepe_v2" else "PAYMENT_SUCCESS"
    assert stored == [(payment["transactionId"], payment["utr"], code, "applied", now, None)]


def test_success_starts_offer_expiry(make, phonepe, our_id, poll, now):
    phonepe.settle(our_id, "pay")
    poll()
    assert make.rows("select state, expires_at from offers") == [("open", now + timedelta(hours=2))]


@pytest.mark.parametrize("code", ["PAYMENT_ERROR", "PAYMENT_DECLINED", "PAYMENT_CANCELLED"])
def test_failed_payment_leaves_booking_payable(make, phonepe, booking, our_id, poll, code):
    phonepe.settle(our_id, "decline", code=code)
    for _ in range(2):
        assert poll() == "failed"
    stored = make.stored(booking.id)
    assert (stored.status, stored.payment_status, stored.pay_by) == ("pending", "failed", booking.pay_by)
    assert make.balances(booking.id) == {}
    assert notifications(make) == ["booked"]
    assert happened(make).count("payment_failed") == 1
    assert make.rows("select code, next_poll_at from payment_attempts") == [(code, None)]


def test_pending_payment_changes_nothing(make, booking, poll):
    assert poll() == "pending"
    assert make.stored(booking.id).payment_status == "pending"
    assert happened(make) == ["booked", "payment_started"]


@pytest.mark.parametrize("answer", ["unknown_code", "internal_server_error", "unauthorized"])
def test_ambiguous_answer_stays_pending(make, phonepe, booking, our_id, poll, answer):
    phonepe.settle(our_id, "pay")
    phonepe.fault(f"status.{answer}")
    with suppress(GatewayUnavailable):
        assert poll() == "pending"
    assert make.stored(booking.id).payment_status == "pending"
    assert poll() == "succeeded"


def test_success_after_failure_confirms_booking(make, phonepe, booking, our_id, poll):
    phonepe.settle(our_id, "decline")
    assert poll() == "failed"
    phonepe.settle(our_id, "pay", force=True)
    assert poll() == "succeeded"
    stored = make.stored(booking.id)
    assert (stored.status, stored.payment_status) == ("confirmed", "success")
    assert make.balances(booking.id) == {"gateway_clearing": booking.total, "customer_advance": -booking.total}


def test_timed_out_payment_fails_and_is_still_polled(make, phonepe, db, gateway, booking, our_id, poll, now):
    phonepe.settle(our_id, "decline", code="TIMED_OUT")
    assert poll() == "failed"
    assert make.rows("select next_poll_at from payment_attempts") == [(now + timedelta(seconds=30),)]
    for late in (timedelta(minutes=3), timedelta(minutes=6)):
        assert status_polling.reconcile(db, always(gateway), line, now + late).asked == 1
    phonepe.settle(our_id, "pay", force=True)
    status_polling.reconcile(db, always(gateway), line, now + timedelta(minutes=10))
    assert make.stored(booking.id).status == "confirmed"
    assert make.rows("select next_poll_at from payment_attempts") == [(None,)]


@pytest.mark.parametrize("fault", MISMATCHES)
def test_mismatched_success_confirms_nothing_needs_person(make, phonepe, booking, our_id, poll, fault):
    phonepe.settle(our_id, "pay")
    phonepe.fault(fault)
    assert poll() == "mismatched"
    stored = make.stored(booking.id)
    assert (stored.status, stored.payment_status) == ("pending", "pending")
    assert make.balances(booking.id) == {}
    assert notifications(make) == ["booked"]
    [(kind, booking_id, facts)] = make.rows("select kind, booking_id, facts from exceptions")
    assert (kind, booking_id) == ("payment_mismatch", booking.id)
    assert facts["requested"]["amount"] == booking.total
    assert poll() == "mismatched"
    assert make.rows("select count(*) from exceptions") == [(1,)]


@pytest.mark.parametrize(
    "different", [{"amount": 1}, {"merchant": "OTHER"}, {"merchant_txn_id": "X"}, {"currency": "USD"}]
)
def test_every_field_of_success_is_compared(make, booking, settle, different):
    assert settle(GatewayStatus.SUCCEEDED, **different) == "mismatched"
    assert make.stored(booking.id).status == "pending"


@pytest.mark.parametrize("absent", [{"amount": None}, {"merchant_txn_id": None}])
def test_incomplete_success_is_no_success(make, settle, absent):
    assert settle(GatewayStatus.SUCCEEDED, **absent) == "pending"
    assert make.rows("select count(*) from exceptions") == [(0,)]


@pytest.mark.parametrize("different", [{"merchant": "OTHER"}, {"merchant_txn_id": "X"}])
def test_foreign_payments_failure_fails_nothing(settle, different):
    assert settle(GatewayStatus.FAILED, **different) == "pending"


def test_unknown_payment_gets_time_to_arrive(make, phonepe, booking, poll):
    phonepe.fault("status.not_found", times=2)
    assert poll(after=NOT_FOUND_GRACE - timedelta(microseconds=1)) == "pending"
    assert poll(after=NOT_FOUND_GRACE) == "failed"
    assert make.stored(booking.id).payment_status == "failed"


@pytest.mark.parametrize(("status", "amount"), [(GatewayStatus.FAILED, None), (GatewayStatus.SUCCEEDED, 1)])
def test_revoked_success_keeps_money_and_needs_person(make, phonepe, booking, our_id, poll, settle, status, amount):
    phonepe.settle(our_id, "pay")
    poll()
    for _ in range(2):
        assert settle(status, amount=amount or booking.total) == "succeeded"
    stored = make.stored(booking.id)
    assert (stored.status, stored.payment_status) == ("confirmed", "success")
    assert make.balances(booking.id) == {"gateway_clearing": booking.total, "customer_advance": -booking.total}
    assert make.rows("select kind, booking_id from exceptions") == [("payment_contradiction", booking.id)]


def test_stale_poll_reverts_nothing(make, phonepe, our_id, poll, attempt, settle):
    """Fails when the attempt's state before the poll is ignored: a start would be refused for no reason."""
    before = attempt()
    phonepe.settle(our_id, "pay")
    poll()
    for status in (GatewayStatus.PENDING, GatewayStatus.NOT_FOUND, GatewayStatus.FAILED):
        assert settle(status, before) == "succeeded"
    assert make.rows("select count(*) from exceptions") == [(0,)]


def test_concurrent_signals_post_and_notify_once(make, phonepe, booking, our_id, poll):
    """Fails when no row is locked before the decision: the history would have eight events."""
    phonepe.settle(our_id, "pay")
    assert set(run_concurrently(8, poll)) == {"succeeded"}
    assert make.balances(booking.id) == {"gateway_clearing": booking.total, "customer_advance": -booking.total}
    assert make.rows("select kind, count(*) from ledger_transactions group by kind") == [("captured", 1)]
    assert notifications(make) == ["booked", "confirmed", "visit_to_answer"]
    assert happened(make) == ["booked", "payment_started", "payment_succeeded", "confirmed"]
    assert make.rows("select count(*) from outbox where kind = 'notifications.mail'") == [(3,)]
