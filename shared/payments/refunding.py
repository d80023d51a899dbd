"""Refunds: stored with their cause, sent under our id, polled until they end (docs/product.md#refunds)."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.bookings import transitions
from shared.bookings.history import SYSTEM, Actor, note, open_review
from shared.bookings.lifecycle import Status
from shared.bookings.line import Lines, RefundOfBooking
from shared.kit.database import Database
from shared.kit.ids import merchant_id, prefix_of
from shared.ledger import postings
from shared.ledger import queries as ledger
from shared.ledger.postings import Bearer
from shared.outbox import queries as outbox
from shared.payments import poll_queue, queries
from shared.payments.gateway import Gateway, GatewayAnswer, Gateways, GatewayStatus, RefundOrder
from shared.payments.lifecycle import REFUND, UNFINISHED, RefundState
from shared.payments.matching import payment_status
from shared.payments.models import CASH, CASH_REFUND, Attempt, Refund
from shared.payments.poll_schedule import next_poll
from shared.payments.queries import LockedPayment

SEND = "payments.refund"
# "Not found" this long after sending means that it never arrived. Sending again is safe, as the id is the same.
RESEND_AFTER = timedelta(minutes=2)


def reserve(
    session: Session,
    attempt: Attempt,
    amount: int,
    *,
    reason: str,
    now: datetime,
    borne_by: Bearer = Bearer.PLATFORM,
) -> Refund:
    """Reserve part of a capture (paise) for a refund and enqueue sending it.

    A cash payment is refunded through a manual review. Raises ValueError for more than is left of the capture. The
    caller has locked the attempt.
    """
    left = attempt.amount - queries.reserved(session, attempt.id)
    if not 0 < amount <= left:
        raise ValueError(f"{amount} paise cannot be refunded of {left}")
    refund = Refund(
        attempt_id=attempt.id,
        booking_id=attempt.booking_id,
        merchant_refund_id=merchant_id(f"{prefix_of(attempt.merchant_txn_id)}R"),
        amount=amount,
        state=RefundState.CREATED,
        reason=reason,
        borne_by=borne_by,
        created_at=now,
    )
    _begin(session, refund, now, by_hand=attempt.gateway == CASH)
    return refund


def _begin(session: Session, refund: Refund, now: datetime, *, by_hand: bool) -> None:
    """Store a refund with the messages that send and poll it, or with a manual review if it is paid back in cash."""
    if by_hand:
        refund.state = REFUND.move(RefundState.CREATED, RefundState.NEEDS_PERSON)
    else:
        refund.next_poll_at = next_poll(now, now)
    session.add(refund)
    session.flush()
    if by_hand:
        open_review(session, CASH_REFUND, refund.id, refund.booking_id, now, amount=refund.amount)
    else:
        outbox.enqueue(session, SEND, {"refund_id": str(refund.id)}, now)
        outbox.enqueue(session, poll_queue.POLL, {"refund_id": str(refund.id)}, now, refund.next_poll_at)


def decide(
    session: Session,
    attempt: Attempt,
    amount: int,
    *,
    reason: str,
    now: datetime,
    borne_by: Bearer = Bearer.PLATFORM,
) -> Refund:
    """Reserve a refund (paise) and post it to the ledger as owed to the customer; it is sent after the commit."""
    refund = reserve(session, attempt, amount, reason=reason, now=now, borne_by=borne_by)
    lines = postings.refund_decided(amount)
    ledger.post(session, postings.Kind.REFUND_DECIDED, refund.id, refund.booking_id, lines, at=now)
    return refund


def advance(db: Database, gateways: Gateways, lines: Lines, refund_id: UUID, now: datetime) -> RefundState:
    """Send a refund, or poll its status once it was sent; safe to call at any time and concurrently."""
    with db.transaction() as session:
        refund = queries.locked_refund(session, refund_id)
        first = refund.state == RefundState.CREATED
        if first:
            refund.state = REFUND.move(refund.state, RefundState.SENT)
            refund.sent_at = now
        if refund.state not in UNFINISHED:
            return refund.state
        paid = select(Attempt.gateway, Attempt.merchant_txn_id).where(Attempt.id == refund.attempt_id)
        name, paid_as = session.execute(paid).one()
        gateway = gateways(name)
        order = RefundOrder(refund.merchant_refund_id, paid_as, refund.amount)
        resend = refund.sent_at is not None and now - refund.sent_at >= RESEND_AFTER
    answer = gateway.refund(order) if first else _poll(gateway, order, resend=resend)
    return settle(db, lines, refund, gateway.merchant, answer, now)


def _poll(gateway: Gateway, order: RefundOrder, *, resend: bool) -> GatewayAnswer:
    answer = gateway.refund_status(order.merchant_refund_id)
    return gateway.refund(order) if answer.status is GatewayStatus.NOT_FOUND and resend else answer


def settle(
    db: Database, lines: Lines, sent: Refund, merchant: str, answer: GatewayAnswer, now: datetime
) -> RefundState:
    """Apply a gateway's answer to a refund; the same answer again changes nothing.

    `sent` is the refund as it was read before the gateway was called, `merchant` the account that was called.
    """
    with db.transaction() as session:
        locked_payment = queries.locked(session, sent.booking_id)
        refund = queries.locked_refund(session, sent.id)
        target = _verdict(refund, merchant, answer)
        if not REFUND.allows(refund.state, target):
            return refund.state
        refund.state = target
        refund.code, refund.raw = answer.code, answer.raw
        refund.gateway_refund_id = answer.gateway_txn_id or refund.gateway_refund_id
        refund.bank_reference = answer.bank_reference or refund.bank_reference
        if target is RefundState.DONE:
            _done(session, lines, locked_payment, refund, SYSTEM, now)
        elif target is RefundState.NEEDS_PERSON:
            _review_failure(session, locked_payment, refund, answer.code, now)
        return target


def _verdict(refund: Refund, merchant: str, answer: GatewayAnswer) -> RefundState:
    if answer.status is GatewayStatus.SUCCEEDED:
        ours = (merchant, refund.merchant_refund_id, refund.amount, refund.currency)
        theirs = (answer.merchant, answer.merchant_txn_id, answer.amount, answer.currency)
        return RefundState.DONE if ours == theirs else RefundState.NEEDS_PERSON
    # A failed refund is never retried silently under another id: a manual review decides how it is paid.
    return RefundState.NEEDS_PERSON if answer.status is GatewayStatus.FAILED else RefundState.PENDING


def mark_paid_manually(
    session: Session,
    lines: Lines,
    locked_payment: LockedPayment,
    refund: Refund,
    reference: str,
    actor: Actor,
    now: datetime,
) -> None:
    """Mark a refund done that was paid manually, with its proof of payment; all rows are locked.

    Raises IllegalMove for a refund that has ended already.
    """
    refund.state = REFUND.move(refund.state, RefundState.DONE)
    refund.bank_reference = reference
    _done(session, lines, locked_payment, refund, actor, now)


def _done(
    session: Session, lines: Lines, locked_payment: LockedPayment, refund: Refund, actor: Actor, now: datetime
) -> None:
    refund.done_at, refund.next_poll_at = now, None
    in_cash = session.get_one(Attempt, refund.attempt_id).gateway == CASH
    moved = postings.cash_refund_done(refund.amount) if in_cash else postings.refund_done(refund.amount)
    ledger.post(session, postings.Kind.REFUND_DONE, refund.id, refund.booking_id, moved, at=now)
    refresh_payment_status(session, locked_payment)
    note(
        session, locked_payment.booking, actor, now, kind="refund_done", amount=refund.amount, refund_id=str(refund.id)
    )
    lines(locked_payment.booking.line).on_refunded(
        session, locked_payment.booking, RefundOfBooking(refund.id, refund.amount), now
    )


def _review_failure(session: Session, locked_payment: LockedPayment, refund: Refund, code: str, now: datetime) -> None:
    refund.next_poll_at = None
    open_review(session, "refund_failed", refund.id, refund.booking_id, now, code=code, amount=refund.amount)
    note(session, locked_payment.booking, SYSTEM, now, kind="refund_needs_person", refund_id=str(refund.id))


def refresh_payment_status(session: Session, locked_payment: LockedPayment) -> None:
    """Set a booking's payment status from its captures and refunds; a duplicate's refund does not count."""
    session.flush()
    captured, refunded = queries.captured_and_refunded(session, locked_payment.payment.id)
    booking = locked_payment.booking
    failed = booking.status == Status.CANCELLED or booking.payment_status == "failed"
    transitions.set_payment_status(booking, payment_status(captured, refunded, failed=failed))
