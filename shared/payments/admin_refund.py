"""An admin gives money back: of what is still to come, or of what each side has earned already (PRODUCT, "Money").

A booking still to come is refunded in part only, out of the advance: all of it goes back by cancelling. Of one that has
ended the earnings are reversed, for whoever bears the refund.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from shared.audit import queries as audit
from shared.audit.by import By
from shared.bookings.history import Actor, note
from shared.bookings.lifecycle import ACTIVE, Answer, Status
from shared.bookings.line import Lines, Returned
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
class Gift:
    """What an admin wants to give back, in paise, why, and at whose expense."""

    amount: int
    reason: str
    borne_by: Bearer


def refund(session: Session, lines: Lines, booking_id: UUID, gift: Gift, by: By, now: datetime) -> Refund:
    """Give back part of what was paid, never more than is left of it.

    Raises BookingNotFound, NotRefundable, CancelInstead, and Invalid for what no gateway sends and no chef can bear.
    """
    if gift.reason in set(Cause):
        raise Invalid("reason", "must be said in other words: this is what a rule says")
    owed = queries.locked_if_known(session, booking_id)
    if owed is None:
        raise BookingNotFound
    booking, attempt = owed.booking, queries.applied_attempt(session, owed.payment.id)
    if attempt is None:
        raise NotRefundable("The booking was not paid.", left=0)
    left = attempt.amount - queries.reserved(session, attempt.id)
    _refuse_amount(attempt, gift.amount, left)
    if booking.status in ACTIVE:
        _refuse_all_of_what_is_to_come(booking, gift, left)
        given = refunding.decide(session, attempt, gift.amount, reason=gift.reason, now=now, borne_by=gift.borne_by)
    else:
        given = _reverse(session, attempt, gift, now)
    _tell(session, lines, booking, given, by, now)
    return given


def _refuse_amount(attempt: Attempt, amount: int, left: int) -> None:
    smallest = 1 if attempt.gateway == CASH else SMALLEST
    if amount < smallest:
        raise Invalid("amount", f"must be at least {rupees(smallest)} rupees")
    if amount > left:
        raise NotRefundable(f"Of this payment {rupees(left)} rupees are left.", left=left / 100)
    if 0 < left - amount < smallest:
        raise Invalid("amount", f"must leave nothing or at least 1 rupee of the {rupees(left)} rupees that are left")


def _refuse_all_of_what_is_to_come(booking: Booking, gift: Gift, left: int) -> None:
    if gift.amount == left:
        way = "Complete it first, then refund it." if booking.status == Status.IN_PROGRESS else "Cancel it."
        raise CancelInstead(f"The visit is still to come and nothing of its price would be left. {way}")
    if gift.borne_by is Bearer.PROVIDER and booking.answer != Answer.ACCEPTED:
        raise Invalid("borne_by", "must be platform: no chef has accepted this booking")


def _reverse(session: Session, attempt: Attempt, gift: Gift, now: datetime) -> Refund:
    earned, provider_id = ledger.earned(session, attempt.booking_id)
    if gift.borne_by is Bearer.PROVIDER and earned.provider == 0:
        raise Invalid("borne_by", "must be platform: no chef has earned anything of this booking")
    given = refunding.promise(session, attempt, gift.amount, reason=gift.reason, now=now, borne_by=gift.borne_by)
    lines = postings.reversed_earnings(gift.amount, earned, gift.borne_by, provider_id)
    ledger.post(session, postings.Kind.REVERSED, given.id, given.booking_id, lines, at=now)
    return given


def _tell(session: Session, lines: Lines, booking: Booking, given: Refund, by: By, now: datetime) -> None:
    """Write down who gave what and why, in the booking's history and the audit log, and let the line react."""
    facts = {"refund_id": str(given.id), "amount": given.amount, "borne_by": given.borne_by}
    note(session, booking, Actor(ADMIN, by.id), now, kind="refund_decided", reason=given.reason, **facts)
    audit.record(session, by, "booking.refunded", booking.id, None, {**facts, "reason": given.reason}, now)
    lines(booking.line).on_refund_decided(session, booking, Returned(given.id, given.amount), now)
