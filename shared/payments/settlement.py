"""Settle a payment attempt by the gateway's answer, the only way money is recorded as paid (docs/product.md#settlement).

One transaction locks the rows, applies the state table, posts to the ledger and calls the line. A late success counts.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from shared.bookings import transitions
from shared.bookings.history import SYSTEM, note, open_review
from shared.bookings.lifecycle import PaymentStatus, Status
from shared.bookings.line import Lines, RefundOfBooking
from shared.kit import log
from shared.kit.database import Database
from shared.ledger import postings
from shared.ledger import queries as ledger
from shared.ledger.postings import Kind, Posting
from shared.payments import matching, queries, refunding
from shared.payments.gateway import GatewayAnswer
from shared.payments.lifecycle import ATTEMPT, AttemptState, Capture, Cause
from shared.payments.models import Attempt
from shared.payments.poll_schedule import next_poll
from shared.payments.queries import LockedPayment, paid_payment

logger = log.logger(__name__)


@dataclass(frozen=True)
class _Case:
    """One answer about one attempt, with the locked rows.

    `before` is the attempt's state when the gateway was called.
    """

    session: Session
    lines: Lines
    locked_payment: LockedPayment
    attempt: Attempt
    before: AttemptState
    answer: GatewayAnswer
    now: datetime

    def note(self, kind: str, **facts: Any) -> None:
        txn = self.attempt.merchant_txn_id
        note(self.session, self.locked_payment.booking, SYSTEM, self.now, kind=kind, merchant_txn_id=txn, **facts)

    def post(self, kind: Kind, lines: list[Posting]) -> None:
        ledger.post(self.session, kind, self.attempt.id, self.locked_payment.booking.id, lines, at=self.now)

    def open_review(self, kind: str, **facts: Any) -> None:
        open_review(self.session, kind, self.attempt.id, self.locked_payment.booking.id, self.now, **facts)
        logger.error("a payment needs manual review", extra=log.fields(alarm=kind, attempt=str(self.attempt.id)))


def settle(
    db: Database, lines: Lines, polled: Attempt, merchant: str, answer: GatewayAnswer, now: datetime
) -> AttemptState:
    """Apply a gateway's answer to an attempt; the same answer again, from any source, changes nothing.

    `polled` is the attempt as it was read before the gateway was called, `merchant` the account that was called. Returns
    the attempt's state afterwards.
    """
    with db.transaction() as session:
        locked_payment = queries.locked(session, polled.booking_id)
        attempt = queries.locked_attempt(session, polled.id)
        verdict = matching.verdict(queries.payment_request(attempt, merchant), answer, now)
        _apply(_Case(session, lines, locked_payment, attempt, polled.state, answer, now), verdict)
        return attempt.state


def _apply(case: _Case, verdict: AttemptState) -> None:
    case.attempt.asked_at = case.now
    current = case.attempt.state
    if verdict is AttemptState.PENDING:
        return
    if not ATTEMPT.allows(current, verdict):
        _refuse_contradiction(case, current, verdict)
        return
    paid = queries.is_paid(case.session, case.locked_payment.payment.id)
    if verdict is AttemptState.SUCCEEDED and _price_changed(case, paid=paid):
        verdict = AttemptState.MISMATCHED
    _record_answer(case.attempt, verdict, case.answer, case.now)
    logger.info("payment settled", extra=log.fields(state=verdict.value, attempt=str(case.attempt.id)))
    match verdict:
        case AttemptState.SUCCEEDED:
            _captured(case, paid=paid)
        case AttemptState.MISMATCHED:
            _mismatched(case)
        case _:
            _failed(case)


def _price_changed(case: _Case, *, paid: bool) -> bool:
    """Return whether a success would be applied to a booking whose price has changed since the attempt began."""
    capture = matching.capture_kind(cancelled=case.locked_payment.booking.status == Status.CANCELLED, paid=paid)
    return capture is Capture.APPLIED and case.attempt.amount != case.locked_payment.payment.amount


def _record_answer(attempt: Attempt, verdict: AttemptState, answer: GatewayAnswer, now: datetime) -> None:
    attempt.state, attempt.settled_at, attempt.next_poll_at = verdict, now, None
    attempt.code, attempt.raw, attempt.method = answer.code, answer.raw, answer.method
    attempt.gateway_txn_id, attempt.bank_reference = answer.gateway_txn_id, answer.bank_reference


def _captured(case: _Case, *, paid: bool) -> None:
    booking, attempt = case.locked_payment.booking, case.attempt
    attempt.capture = matching.capture_kind(cancelled=booking.status == Status.CANCELLED, paid=paid)
    case.session.flush()
    if attempt.capture != Capture.APPLIED:
        _refund_unneeded(case)
        return
    case.post(Kind.CAPTURED, postings.captured(attempt.amount))
    transitions.set_payment_status(booking, PaymentStatus.SUCCESS)
    case.locked_payment.payment.paid_at, booking.pay_by = case.now, None
    case.note("payment_succeeded")
    case.lines(booking.line).on_paid(case.session, booking, paid_payment(case.locked_payment.payment), case.now)


def _refund_unneeded(case: _Case) -> None:
    """Record a late or duplicate payment and reserve its full refund."""
    booking, attempt = case.locked_payment.booking, case.attempt
    kind = Cause.TOO_LATE if attempt.capture == Capture.LATE else Cause.DUPLICATE
    case.post(Kind.OWED_BACK, postings.owed_back(attempt.amount))
    case.note(kind)
    refund = refunding.reserve(case.session, attempt, attempt.amount, reason=kind, now=case.now)
    refunding.refresh_payment_status(case.session, case.locked_payment)
    case.lines(booking.line).on_refund_owed(case.session, booking, RefundOfBooking(refund.id, refund.amount), case.now)


def _failed(case: _Case) -> None:
    booking, attempt = case.locked_payment.booking, case.attempt
    if case.answer.may_still_succeed:
        attempt.next_poll_at = next_poll(attempt.started_at, case.now)
    if booking.payment_status == PaymentStatus.PENDING:
        transitions.set_payment_status(booking, PaymentStatus.FAILED)
    case.note("payment_failed", code=case.answer.code)


def _mismatched(case: _Case) -> None:
    """Open a manual review of a payment that differs from the request; it confirms no booking."""
    names = ("merchant_txn_id", "amount", "currency")
    requested = {name: getattr(case.attempt, name) for name in names}
    received = {name: getattr(case.answer, name) for name in (*names, "merchant")}
    case.open_review("payment_mismatch", requested=requested, received=received)
    case.note("payment_mismatch")


def _refuse_contradiction(case: _Case, current: AttemptState, verdict: AttemptState) -> None:
    # A success never becomes a failure by itself; a gateway that says so is reviewed manually. An
    # attempt settled while this answer was in transit may well have been a failure when the gateway answered.
    was_failed_then = verdict is AttemptState.FAILED and case.before is not AttemptState.SUCCEEDED
    if current is AttemptState.SUCCEEDED and verdict is not AttemptState.SUCCEEDED and not was_failed_then:
        case.open_review("payment_contradiction", code=case.answer.code)
