"""The effect of each gateway fault on payments and refunds, in tables that docs/faults.md describes."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from infra.phonepe import calls
from shared.kit.errors import Refusal
from shared.payments import queries
from shared.payments.checkout import CALL_ENDS
from shared.payments.refunding import RESEND_AFTER, decide

SLOW_SECONDS = 1.6  # seconds until a slow answer; the call times out after half of it
DOWN, UNDER_WAY = "503 gateway_unavailable", "409 payment_in_progress"

# A start: the customer's answer, the attempt's state, the answer to an immediate retry.
NO_ANSWER, REFUSED, FINE = (DOWN, "created", UNDER_WAY), (DOWN, "failed", "page"), ("page", "pending", "page")
STARTS = {
    "pay.unreached": NO_ANSWER,  # the gateway has no order here; it has one in all rows below except the refused one
    "pay.refused": REFUSED,
    "pay.timeout": NO_ANSWER,
    "pay.http_500": NO_ANSWER,
    "pay.empty": NO_ANSWER,
    "pay.html": NO_ANSWER,
    "pay.internal_server_error": NO_ANSWER,
    "pay.rate_limited": NO_ANSWER,
    "pay.not_found": NO_ANSWER,
    "pay.unauthorized": REFUSED,
    "pay.unknown_code": NO_ANSWER,
    "pay.unknown_fields": FINE,
    "pay.other_amount": FINE,  # the paid amount is later compared with the ordered one
    "pay.other_merchant": NO_ANSWER,  # the customer never gets another payment's page
    "pay.other_transaction": NO_ANSWER,
}
NOTHING_MADE = {"pay.unreached", "pay.refused"}
# A status poll: the state after it of a completed payment or refund, the opened exception,
# and the state after the next poll.
SILENT = {"payment": (DOWN, "", "succeeded"), "refund": (DOWN, "", "done")}
VAGUE = {"payment": ("pending", "", "succeeded"), "refund": ("pending", "", "done")}
CLEAR = {"payment": ("succeeded", "", "succeeded"), "refund": ("done", "", "done")}
OTHER = {
    "payment": ("mismatched", "payment_mismatch", "mismatched"),
    "refund": ("needs_person", "refund_failed", "needs_person"),
}
STATUSES = {
    "status.timeout": SILENT,
    "status.http_500": SILENT,
    "status.empty": SILENT,
    "status.html": SILENT,
    "status.internal_server_error": VAGUE,
    "status.rate_limited": SILENT,
    "status.not_found": VAGUE,
    "status.unauthorized": VAGUE,
    "status.unknown_code": VAGUE,
    "status.unknown_fields": CLEAR,
    "status.other_amount": OTHER,
    "status.other_merchant": OTHER,
    "status.other_transaction": OTHER,
}
# Sending a refund: its state, the opened exception, the state after later polls.
LOST, BEGUN, FAILED = (DOWN, "", "done"), ("pending", "", "done"), ("needs_person", "refund_failed", "needs_person")
REFUNDS = {
    "refund.unreached": LOST,
    "refund.fails": ("pending", "refund_failed", "needs_person"),
    "refund.stays_pending": ("pending", "", "pending"),
    "refund.excess": FAILED,
    "refund.window_exceeded": FAILED,
    "refund.timeout": LOST,
    "refund.http_500": LOST,
    "refund.empty": LOST,
    "refund.html": LOST,
    "refund.internal_server_error": BEGUN,
    "refund.rate_limited": LOST,
    "refund.not_found": BEGUN,
    "refund.unauthorized": BEGUN,
    "refund.unknown_code": BEGUN,
    "refund.unknown_fields": BEGUN,
    "refund.other_amount": BEGUN,
    "refund.other_merchant": BEGUN,
    "refund.other_transaction": BEGUN,
}


def outcome(act: Callable[[], object]) -> str:
    """Return an outcome's short name; a refusal's status and code."""
    try:
        return str(act())
    except Refusal as refusal:
        return f"{refusal.status} {refusal.code}"


@pytest.fixture
def arm_fault(phonepe, monkeypatch):
    """Arm a fault for the next call; a slow one times out."""
    monkeypatch.setattr(calls, "TIMEOUT", (1.0, SLOW_SECONDS / 2))

    def arm_fault(fault):
        phonepe.no_faults()
        phonepe.fault(fault, value=SLOW_SECONDS if fault.endswith(".timeout") else None)

    return arm_fault


@pytest.fixture
def booked(make):
    """Book a visit with its own chef and customer."""

    def booked():
        make.chef()
        customer = make.customer()
        return customer, make.booking(customer)

    return booked


@pytest.fixture
def paid(make, gateway, phonepe, booked):
    """Book and pay; returns the booking and our id, settled if `is_settled`."""

    def paid(*, is_settled):
        customer, booking = booked()
        our_id = make.page(gateway, customer, booking.id).merchant_txn_id
        phonepe.settle(our_id, "pay")
        if is_settled:
            make.settle(gateway, our_id)
        return booking, our_id

    return paid


@pytest.fixture
def refund(db, paid, now):
    """Reserve a refund of a hundred rupees; returns its id."""

    def refund():
        booking, our_id = paid(is_settled=True)
        with db.transaction() as session:
            attempt = queries.locked_attempt(session, queries.attempt_by_our_id(session, our_id).id)
            return booking, decide(session, attempt, 100_00, reason="a test", now=now).merchant_refund_id

    return refund


def known(phonepe, our_id):
    return [one["merchantTransactionId"] for one in phonepe.transactions()].count(our_id)


def exceptions(make, booking):
    return ", ".join(kind for (kind,) in make.rows("select kind from exceptions where booking_id = :id", id=booking.id))


def test_start_fault_is_answered_and_payment_is_found(make, phonepe, gateway, arm_fault, booked, now):
    """Fails when an attempt without a page is ignored: the gateway's money would belong to no booking."""
    results = {}
    for fault in STARTS:
        customer, booking = booked()

        def start(after, customer=customer, booking=booking):
            return outcome(lambda: make.page(gateway, customer, booking.id, now + after) and "page")

        arm_fault(fault)
        first = start(timedelta())
        [(state, our_id)] = make.rows(
            "select state, merchant_txn_id from payment_attempts where booking_id = :id", id=booking.id
        )
        results[fault] = (first, state, start(timedelta(seconds=1)))
        assert start(CALL_ENDS) == "page", fault
        assert known(phonepe, our_id) == (fault not in NOTHING_MADE), fault
        if known(phonepe, our_id):
            phonepe.settle(our_id, "pay")
            assert make.settle(gateway, our_id, now + CALL_ENDS) == "succeeded", fault
            assert make.balances(booking.id) == {"gateway_clearing": booking.total, "customer_advance": -booking.total}
    assert results == STARTS


def test_status_fault_ends_nothing_and_next_poll_succeeds(make, gateway, arm_fault, paid, now):
    results = {}
    for fault in STATUSES:
        booking, our_id = paid(is_settled=False)
        arm_fault(fault)
        first = outcome(lambda our_id=our_id: make.settle(gateway, our_id))
        assert (make.stored(booking.id).payment_status == "success") == (first == "succeeded"), fault
        found = exceptions(make, booking)
        results[fault] = (first, found, make.settle(gateway, our_id, now + timedelta(minutes=1)))
        assert (make.balances(booking.id) == {}) == (results[fault][-1] != "succeeded"), fault
    assert results == {fault: rows["payment"] for fault, rows in STATUSES.items()}


def test_refund_status_fault_is_polled_again(make, gateway, arm_fault, refund, now):
    results = {}
    for fault in STATUSES:
        booking, our_id = refund()
        make.settle(gateway, our_id)
        arm_fault(fault)
        first = outcome(lambda our_id=our_id: make.settle(gateway, our_id))
        found = exceptions(make, booking)
        results[fault] = (first, found, make.settle(gateway, our_id, now + timedelta(minutes=1)))
        assert_shown_as_it_is(make, booking, results[fault][-1])
    assert results == {fault: rows["refund"] for fault, rows in STATUSES.items()}


def test_refund_fault_refunds_once_and_shows_no_early_refund(make, phonepe, gateway, arm_fault, refund, now):
    """Fails when a refund whose sending got no answer is sent again under another id."""
    results = {}
    for fault in REFUNDS:
        booking, our_id = refund()
        arm_fault(fault)
        first = outcome(lambda our_id=our_id: make.settle(gateway, our_id))
        later = [make.settle(gateway, our_id, now + RESEND_AFTER) for _ in range(2)]
        results[fault] = (first, exceptions(make, booking), later[-1])
        assert known(phonepe, our_id) == 1, fault
        assert_shown_as_it_is(make, booking, later[-1])
    assert results == REFUNDS


def assert_shown_as_it_is(make, booking, state):
    owed = 0 if state == "done" else -100_00
    assert make.balances(booking.id).get("refunds_payable", 0) == owed
    assert make.stored(booking.id).payment_status == ("success" if owed else "partially_refunded")
