"""Refund a booking as an admin, before or after it ends (docs/product.md#refunds).

Before the end, the refund comes out of the advance and must be partial: cancelling refunds everything. After the end,
the earnings of the side that bears the refund are reversed.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from shared.audit import queries as audit
from shared.audit.context import AuditContext
from shared.bookings.history import Actor, note
from shared.bookings.lifecycle import ACTIVE, Acceptance, Status
from shared.bookings.line import Lines, RefundOfBooking
from shared.bookings.models import Booking
from shared.bookings.queries import BookingNotFound
from shared.kit.errors import Invalid, Refusal
from shared.kit.money import rupees
from shared.ledger import postings
from shared.ledger import queries as ledger
from shared.ledger.postings import Bearer
from shared.payments import queries, refunding
from shared.payments.gateway import SMALLEST
from shared.payments.lifecycle import Cause
from shared.payments.models import CASH, Attempt, Refund
from shared.users.models import ADMIN


class NotRefundable(Refusal):
    code, title = "not_refundable", "Not enough left to refund"


class CancelInstead(Refusal):
    code, title = "cancel_instead", "Cancel it instead"


@dataclass(frozen=True)
class RefundCommand:
    """A refund an admin orders: paise, the reason, and which side bears it."""

    amount: int
    reason: str
    borne_by: Bearer


def refund(
    session: Session, lines: Lines, booking_id: UUID, command: RefundCommand, by: AuditContext, now: datetime
) -> Refund:
    """Refund part of a payment, at most what is not refunded yet.

    Raises BookingNotFound, NotRefundable, CancelInstead, and Invalid for an amount no gateway sends or no provider can
    bear.
    """
    if command.reason in set(Cause):
        raise Invalid("reason", "must be different: this word is reserved for automatic refunds")
    locked_payment = queries.locked_if_known(session, booking_id)
    if locked_payment is None:
        raise BookingNotFound
    booking, attempt = locked_payment.booking, queries.applied_attempt(session, locked_payment.payment.id)
    if attempt is None:
        raise NotRefundable("The booking was not paid.", left=0)
    left = attempt.amount - queries.reserved(session, attempt.id)
    _refuse_amount(attempt, command.amount, left)
    if booking.status in ACTIVE:
        _refuse_full_refund(booking, command, left)
        refunded = refunding.decide(
            session, attempt, command.amount, reason=command.reason, now=now, borne_by=command.borne_by
        )
    else:
        refunded = _reverse(session, attempt, command, now)
    _record(session, lines, booking, refunded, by, now)
    return refunded


def _refuse_amount(attempt: Attempt, amount: int, left: int) -> None:
    smallest = 1 if attempt.gateway == CASH else SMALLEST
    if amount < smallest:
        raise Invalid("amount", f"must be at least {rupees(smallest)} rupees")
    if amount > left:
        raise NotRefundable(f"Only {rupees(left)} rupees of this payment can still be refunded.", left=left / 100)
    if 0 < left - amount < smallest:
        raise Invalid("amount", f"must be all of the {rupees(left)} rupees that are left, or leave at least 1 rupee")


def _refuse_full_refund(booking: Booking, command: RefundCommand, left: int) -> None:
    if command.amount == left:
        way = "Complete it first, then refund it." if booking.status == Status.IN_PROGRESS else "Cancel it."
        raise CancelInstead(f"A booking that has not ended cannot be refunded in full. {way}")
    if command.borne_by is Bearer.PROVIDER and booking.acceptance != Acceptance.ACCEPTED:
        raise Invalid("borne_by", "must be platform: no provider has accepted this booking")


def _reverse(session: Session, attempt: Attempt, command: RefundCommand, now: datetime) -> Refund:
    earned, provider_id = ledger.earned(session, attempt.booking_id)
    if command.borne_by is Bearer.PROVIDER and earned.provider == 0:
        raise Invalid("borne_by", "must be platform: no provider has earned anything from this booking")
    refunded = refunding.reserve(
        session, attempt, command.amount, reason=command.reason, now=now, borne_by=command.borne_by
    )
    lines = postings.reversed_earnings(command.amount, earned, command.borne_by, provider_id)
    ledger.post(session, postings.Kind.REVERSED, refunded.id, refunded.booking_id, lines, at=now)
    return refunded


def _record(
    session: Session, lines: Lines, booking: Booking, refunded: Refund, by: AuditContext, now: datetime
) -> None:
    """Record the refund in the booking's history and the audit log, and notify its line."""
    facts = {"refund_id": str(refunded.id), "amount": refunded.amount, "borne_by": refunded.borne_by}
    note(session, booking, Actor(ADMIN, by.id), now, kind="refund_decided", reason=refunded.reason, **facts)
    audit.record(session, by, "booking.refunded", booking.id, None, {**facts, "reason": refunded.reason}, now)
    lines(booking.line).on_refund_decided(session, booking, RefundOfBooking(refunded.id, refunded.amount), now)
