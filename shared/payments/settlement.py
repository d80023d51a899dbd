"""The one door for money: whatever signal came, the gateway's own answer ends here (PRODUCT, "Money").

In one transaction: lock, decide by one table, ledger, the line's reaction, what follows. Late truth is legal truth.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from shared.bookings.history import SYSTEM, note, open_exception
from shared.bookings.lifecycle import PaymentStatus, Status
from shared.bookings.line import Lines, Returned
from shared.kit import log
from shared.kit.database import Database
from shared.ledger import postings
from shared.ledger import queries as ledger
from shared.payments import matching, queries, refunding
from shared.payments.gateway import GatewayAnswer
from shared.payments.ladder import next_poll
from shared.payments.lifecycle import ATTEMPT, AttemptState
from shared.payments.matching import Capture
from shared.payments.models import Attempt
from shared.payments.queries import Owed

logger = log.logger(__name__)


def settle(
    db: Database, lines: Lines, attempt_id: UUID, merchant: str, answer: GatewayAnswer, now: datetime
) -> AttemptState:
    """Apply what the gateway says of an attempt; the same answer again, from wherever, changes nothing.

    `merchant` is the account that was asked. Returns the state the attempt is in afterwards.
    """
    with db.reading() as session:
        booking_id = session.query(Attempt.booking_id).filter_by(id=attempt_id).scalar()
    with db.transaction() as session:
        owed = queries.locked(session, booking_id)
        attempt = queries.locked_attempt(session, attempt_id)
        _apply(
            session, lines, owed, attempt, matching.verdict(queries.asked(attempt, merchant), answer, now), answer, now
        )
        return AttemptState(attempt.state)


def _apply(
    session: Session,
    lines: Lines,
    owed: Owed,
    attempt: Attempt,
    verdict: AttemptState,
    answer: GatewayAnswer,
    now: datetime,
) -> None:
    attempt.asked_at = now
    current = AttemptState(attempt.state)
    if verdict is AttemptState.PENDING or not ATTEMPT.allows(current, verdict):
        if current is AttemptState.SUCCEEDED and verdict in {AttemptState.FAILED, AttemptState.MISMATCHED}:
            _contradicted(session, owed, attempt, answer, now)
        return
    paid = queries.is_paid(session, owed.payment.id)
    attempt.state = verdict
    attempt.settled_at = now
    attempt.code, attempt.raw = answer.code, answer.raw
    attempt.gateway_txn_id, attempt.bank_reference = answer.gateway_txn_id, answer.bank_reference
    attempt.method = answer.method
    attempt.next_poll_at = None
    match verdict:
        case AttemptState.SUCCEEDED:
            _captured(session, lines, owed, attempt, now, paid=paid)
        case AttemptState.MISMATCHED:
            _mismatched(session, owed, attempt, answer, now)
        case _:
            _failed(session, owed, attempt, answer, now)


def _captured(session: Session, lines: Lines, owed: Owed, attempt: Attempt, now: datetime, *, paid: bool) -> None:
    booking = owed.booking
    attempt.capture = matching.capture_kind(cancelled=booking.status == Status.CANCELLED, paid=paid)
    session.flush()
    if attempt.capture == Capture.APPLIED:
        ledger.post(session, postings.Kind.CAPTURED, attempt.id, booking.id, postings.captured(attempt.amount), at=now)
        booking.payment_status = PaymentStatus.SUCCESS
        booking.pay_by = None
        note(session, booking, SYSTEM, now, kind="payment_succeeded", merchant_txn_id=attempt.merchant_txn_id)
        lines(booking.line).on_paid(session, booking, now)
        return
    # Not needed any more: the money is taken and owed back in the same breath.
    ledger.post(session, postings.Kind.OWED_BACK, attempt.id, booking.id, postings.owed_back(attempt.amount), at=now)
    kind = "payment_too_late" if attempt.capture == Capture.LATE else "payment_duplicate"
    note(session, booking, SYSTEM, now, kind=kind, merchant_txn_id=attempt.merchant_txn_id)
    refund = refunding.promise(session, attempt, attempt.amount, reason=kind, now=now)
    refunding.show(session, owed)
    lines(booking.line).on_refund_owed(session, booking, Returned(refund.id, refund.amount), now)


def _failed(session: Session, owed: Owed, attempt: Attempt, answer: GatewayAnswer, now: datetime) -> None:
    booking = owed.booking
    if answer.may_still_succeed:
        attempt.next_poll_at = next_poll(attempt.started_at, now)
    if booking.payment_status == PaymentStatus.PENDING:
        booking.payment_status = PaymentStatus.FAILED
    note(
        session, booking, SYSTEM, now, kind="payment_failed", merchant_txn_id=attempt.merchant_txn_id, code=answer.code
    )


def _mismatched(session: Session, owed: Owed, attempt: Attempt, answer: GatewayAnswer, now: datetime) -> None:
    asked = {"merchant_txn_id": attempt.merchant_txn_id, "amount": attempt.amount, "currency": attempt.currency}
    said = {"merchant_txn_id": answer.merchant_txn_id, "amount": answer.amount, "currency": answer.currency}
    said["merchant"] = answer.merchant
    open_exception(session, "payment_mismatch", attempt.id, owed.booking.id, now, asked=asked, said=said)
    note(session, owed.booking, SYSTEM, now, kind="payment_mismatch", merchant_txn_id=attempt.merchant_txn_id)
    logger.error(
        "payment does not match what was asked", extra=log.fields(alarm="payment_mismatch", attempt=attempt.id)
    )


def _contradicted(session: Session, owed: Owed, attempt: Attempt, answer: GatewayAnswer, now: datetime) -> None:
    # A success never becomes a failure by itself; a gateway that says so is a matter for a person (facts, payments 4 #9).
    open_exception(session, "payment_contradiction", attempt.id, owed.booking.id, now, code=answer.code)
    logger.error("gateway contradicts a success", extra=log.fields(alarm="contradiction", attempt=attempt.id))
