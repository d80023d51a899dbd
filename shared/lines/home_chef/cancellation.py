"""A visit that will not take place: its time is free again, and the money goes where the terms say (PRODUCT, "A booking")."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from shared.bookings.history import SYSTEM, Actor, move
from shared.bookings.lifecycle import BOOKING, PAID, Answer, PaymentStatus, Status
from shared.bookings.models import Booking
from shared.bookings.queries import BookingNotFound
from shared.kit.errors import Refusal
from shared.kit.money import BASIS_POINTS
from shared.ledger import postings
from shared.ledger import queries as ledger
from shared.lines.home_chef import offers, own, queries
from shared.lines.home_chef.completion import parts_of
from shared.lines.home_chef.lifecycle import OfferState
from shared.lines.home_chef.models import Visit
from shared.lines.home_chef.telling import tell_chef, tell_customer
from shared.lines.home_chef.terms import Offered, Standing, offered, refundable
from shared.payments import queries as payments
from shared.payments import refunding
from shared.payments.lifecycle import Cause
from shared.payments.models import Attempt
from shared.payments.queries import Owed
from shared.users.models import CUSTOMER

UNPAID = "unpaid"


class NotCancellable(Refusal):
    code, title = "not_cancellable", "It cannot be cancelled any more"


class RefundChanged(Refusal):
    """The refund is no longer what the customer agreed to."""

    code, title = "refund_changed", "The refund has changed"


@dataclass(frozen=True)
class _Cancelling:
    """A booking about to be cancelled, with the rows it is decided on, locked, and what goes back."""

    booking: Booking
    visit: Visit
    paid_by: Attempt | None
    standing: Standing
    offered: Offered


def preview(session: Session, customer_id: UUID, booking_id: UUID, now: datetime) -> Offered:
    """Return what cancelling now would give back. Raises BookingNotFound, NotCancellable."""
    return _decide(session, customer_id, booking_id, now).offered


def cancel(
    session: Session, customer_id: UUID, booking_id: UUID, reason: str, expected: int | None, now: datetime
) -> None:
    """Cancel a customer's own booking and refund exactly what was previewed, to the paisa.

    `expected` is the refund the customer agreed to, in paise. Raises BookingNotFound, NotCancellable, RefundChanged.
    """
    found = _decide(session, customer_id, booking_id, now)
    refund = found.offered.refund
    if expected is not None and expected != refund:
        raise RefundChanged("The refund is not what you were shown. Look again before you cancel.", refund=refund / 100)
    actor = Actor(CUSTOMER, customer_id)
    _end(session, found.booking, found.visit, actor, reason, now, paid=found.paid_by is not None)
    if found.paid_by is not None:
        _share_out(session, found, found.paid_by, now)
    kind = "cancelled" if found.paid_by is None else "cancelled_with_refund" if refund else "cancelled_without_refund"
    tell_customer(session, found.booking, found.visit, kind, now, amount=refund)


def cancel_unpaid(session: Session, booking: Booking, why: str, now: datetime) -> None:
    """Cancel a locked booking nobody has paid; who had accepted it is told, who was only asked is not.

    `why` is `unpaid` (its time to pay is over) or `blocked` (its customer is).
    """
    visit = queries.visit_of(session, booking.id)
    if why == UNPAID:
        tell_customer(session, booking, visit, "cancelled_unpaid", now)
    else:
        tell_customer(session, booking, visit, "cancelled_by_us", now, why=why, amount=0)
    _end(session, booking, visit, SYSTEM, why, now, paid=False)


def cancel_in_full(
    session: Session, booking: Booking, visit: Visit, actor: Actor, reason: str, why: str, now: datetime
) -> None:
    """Cancel a locked booking for a cause that is not its customer's: everything goes back.

    `why` is what the customer is told: `chef`, `operator` or `no_chef`.
    """
    found = _rows(session, payments.locked(session, booking.id), visit)
    if found.paid_by is not None:
        found = replace(found, offered=Offered(refundable(found.standing, BASIS_POINTS), None))
    _end(session, booking, visit, actor, reason, now, paid=found.paid_by is not None)
    if found.paid_by is not None:
        _share_out(session, found, found.paid_by, now)
    tell_customer(session, booking, visit, "cancelled_by_us", now, why=why, amount=found.offered.refund)


def _decide(session: Session, customer_id: UUID, booking_id: UUID, now: datetime) -> _Cancelling:
    if own.of_customer(session, customer_id, booking_id) is None:
        raise BookingNotFound
    owed = payments.locked(session, booking_id)
    booking = owed.booking
    if not BOOKING.allows(Status(booking.status), Status.CANCELLED):
        raise NotCancellable(f"A booking that is {booking.status} cannot be cancelled.", current=booking.status)
    found = _rows(session, owed, queries.visit_of(session, booking_id))
    return replace(found, offered=offered(found.standing, found.visit.cancellation, now))


def _rows(session: Session, owed: Owed, visit: Visit) -> _Cancelling:
    booking = owed.booking
    paid_by = payments.applied_attempt(session, owed.payment.id)
    refunded = payments.returned(session, paid_by, booking.total) if paid_by else 0
    return _Cancelling(booking, visit, paid_by, standing(booking, visit, refunded), Offered(0, None))


def standing(booking: Booking, visit: Visit, refunded: int) -> Standing:
    """Return what decides about cancelling a booking of which so many paise went back."""
    return Standing(
        total=booking.total,
        refunded=refunded,
        is_paid=booking.payment_status in PAID,
        is_accepted=booking.answer == Answer.ACCEPTED,
        starts_at=visit.starts_at,
        chef_changed_at=visit.chef_changed_at,
        cap_bp=visit.refund_cap_bp,
    )


def _end(
    session: Session, booking: Booking, visit: Visit, actor: Actor, reason: str, now: datetime, *, paid: bool
) -> None:
    """Free the chef's time and move the booking to its end; a chef who had accepted stays named and is told."""
    offers.end(session, booking, OfferState.WITHDRAWN, now)
    accepted = booking.answer == Answer.ACCEPTED
    if accepted and actor.id != booking.provider_id:
        tell_chef(session, booking, visit, "visit_cancelled", now)
    if not accepted:
        booking.provider_id = None
    booking.pay_by = None
    booking.cancellation_reason = reason
    move(
        session,
        booking,
        Status.CANCELLED,
        actor,
        now,
        kind="cancelled",
        reason=reason,
        payment=None if paid else PaymentStatus.FAILED,
        answer=Answer.ACCEPTED if accepted else Answer.UNASSIGNED,
    )
    session.flush()


def _share_out(session: Session, found: _Cancelling, paid_by: Attempt, now: datetime) -> None:
    """Send back what the terms give, and let each side keep its part of the rest."""
    booking, refund = found.booking, found.offered.refund
    if refund:
        refunding.decide(session, paid_by, refund, reason=Cause.CANCELLED, now=now)
    kept = booking.total - found.standing.refunded - refund
    if kept:
        lines = postings.kept(kept, parts_of(booking, found.visit), booking.provider_id)
        ledger.post(session, postings.Kind.KEPT, booking.id, booking.id, lines, at=now)
