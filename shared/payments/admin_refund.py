"""An admin gives money back: of what is still to come, or of what each side has earned already (docs/product.md#refunds).

A booking still to come is refunded in part only, out of the advance: all of it goes back by cancelling. Of one that has
ended, the earnings of the side that bears the refund are reversed.
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
    code, title = "not_refundable", "Not that much to refund"


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
    """Refund part of a payment, never more than its unrefunded rest.

    Raises BookingNotFound, NotRefundable, CancelInstead, and Invalid for what no gateway sends and no provider can bear.
    """
    if command.reason in set(Cause):
        raise Invalid("reason", "must be said in other words: this is what a rule says")
    locked_payment = queries.locked_if_known(session, booking_id)
    if locked_payment is None:
        raise BookingNotFound
    booking, attempt = locked_payment.booking, queries.applied_attempt(session, locked_payment.payment.id)
    if attempt is None:
        raise NotRefundable("The booking was not paid.", left=0)
    left = attempt.amount - queries.reserved(session, attempt.id)
    _refuse_amount(attempt, command.amount, left)
    if booking.status in ACTIVE:
        _refuse_all_of_what_is_to_come(booking, command, left)
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
        raise NotRefundable(f"Of this payment {rupees(left)} rupees are left.", left=left / 100)
    if 0 < left - amount < smallest:
        raise Invalid("amount", f"must leave nothing or at least 1 rupee of the {rupees(left)} rupees that are left")


def _refuse_all_of_what_is_to_come(booking: Booking, command: RefundCommand, left: int) -> None:
    if command.amount == left:
        way = "Complete it first, then refund it." if booking.status == Status.IN_PROGRESS else "Cancel it."
        raise CancelInstead(f"The booking is still to come and nothing of its price would be left. {way}")
    if command.borne_by is Bearer.PROVIDER and booking.acceptance != Acceptance.ACCEPTED:
        raise Invalid("borne_by", "must be platform: no provider has accepted this booking")


def _reverse(session: Session, attempt: Attempt, command: RefundCommand, now: datetime) -> Refund:
    earned, provider_id = ledger.earned(session, attempt.booking_id)
    if command.borne_by is Bearer.PROVIDER and earned.provider == 0:
        raise Invalid("borne_by", "must be platform: no provider has earned anything of this booking")
    refunded = refunding.reserve(
        session, attempt, command.amount, reason=command.reason, now=now, borne_by=command.borne_by
    )
    lines = postings.reversed_earnings(command.amount, earned, command.borne_by, provider_id)
    ledger.post(session, postings.Kind.REVERSED, refunded.id, refunded.booking_id, lines, at=now)
    return refunded


def _record(
    session: Session, lines: Lines, booking: Booking, refunded: Refund, by: AuditContext, now: datetime
) -> None:
    """Write down who gave what and why, in the booking's history and the audit log, and let the line react."""
    facts = {"refund_id": str(refunded.id), "amount": refunded.amount, "borne_by": refunded.borne_by}
    note(session, booking, Actor(ADMIN, by.id), now, kind="refund_decided", reason=refunded.reason, **facts)
    audit.record(session, by, "booking.refunded", booking.id, None, {**facts, "reason": refunded.reason}, now)
    lines(booking.line).on_refund_decided(session, booking, RefundOfBooking(refunded.id, refunded.amount), now)
