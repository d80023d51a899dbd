"""Cancel an appointment: free its time and divide its money. Source: docs/product.md#cancellation."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from shared.appointments import notify, offers, queries
from shared.appointments.cancellation_policy import CancellationFacts, CancellationOffer, cancellation_offer
from shared.appointments.lifecycle import OfferState
from shared.appointments.line import AppointmentLine
from shared.appointments.models import Appointment
from shared.bookings import queries as bookings
from shared.bookings import transitions
from shared.bookings.history import SYSTEM, Actor
from shared.bookings.lifecycle import BOOKING, PAID, Acceptance, PaymentStatus, Status
from shared.bookings.models import Booking
from shared.kit.errors import Refusal
from shared.kit.money import BASIS_POINTS
from shared.payments import queries as payments
from shared.payments import sharing
from shared.payments.cancellation_policy import CancellationPolicy, refundable
from shared.payments.models import Attempt
from shared.users.models import CUSTOMER

UNPAID = "unpaid"


class NotCancellable(Refusal):
    code, title = "not_cancellable", "It can no longer be cancelled"


class RefundChanged(Refusal):
    """The refund differs from the one the customer agreed to."""

    code, title = "refund_changed", "The refund has changed"


@dataclass(frozen=True)
class _Case:
    """The rows that decide a cancellation; `refunded` is paise, `paid_by` is None while unpaid."""

    booking: Booking
    appointment: Appointment
    paid_by: Attempt | None
    refunded: int


def preview(
    session: Session, line: AppointmentLine, customer_id: UUID, booking_id: UUID, now: datetime
) -> CancellationOffer:
    """Return what cancelling now would refund. Takes no lock. Raises BookingNotFound, NotCancellable."""
    booking = bookings.own_booking(session, line.name, customer_id, booking_id)
    paid_by = payments.applied_attempt_of(session, booking_id)
    return _offer(line, _case(session, booking, paid_by), now)


def cancel(
    session: Session,
    line: AppointmentLine,
    customer_id: UUID,
    booking_id: UUID,
    reason: str,
    expected: int | None,
    now: datetime,
) -> None:
    """Cancel a customer's own booking and refund exactly what was previewed, to the paisa.

    `expected` is the refund the customer agreed to, in paise. Locks: booking, payment. Raises BookingNotFound,
    NotCancellable, RefundChanged.
    """
    bookings.own_booking(session, line.name, customer_id, booking_id)
    locked_payment = payments.locked(session, booking_id)
    case = _case(session, locked_payment.booking, payments.applied_attempt(session, locked_payment.payment.id))
    refund = _offer(line, case, now).refund
    if expected is not None and expected != refund:
        raise RefundChanged(
            "The refund is no longer the one you were shown. Please check it before you cancel.", refund=refund / 100
        )
    _end(session, line, case, Actor(CUSTOMER, customer_id), reason, now)
    _share_out(session, line, case, refund, now)
    paid = "cancelled_with_refund" if refund else "cancelled_without_refund"
    kind = "cancelled" if case.paid_by is None else paid
    notify.customer(session, line, case.booking, case.appointment, kind, now, amount=refund)


def cancel_unpaid(session: Session, line: AppointmentLine, booking: Booking, why: str, now: datetime) -> None:
    """Cancel a locked, unpaid booking; notify its provider only if they had accepted.

    `why` is `unpaid` (the deadline to pay has passed) or `blocked` (an admin blocked the customer).
    """
    case = _Case(booking, queries.appointment_of(session, booking.id), None, 0)
    if why == UNPAID:
        notify.customer(session, line, booking, case.appointment, "cancelled_unpaid", now)
    else:
        notify.customer(session, line, booking, case.appointment, "cancelled_by_us", now, why=why)
    _end(session, line, case, SYSTEM, why, now)


def cancel_in_full(
    session: Session,
    line: AppointmentLine,
    booking: Booking,
    appointment: Appointment,
    actor: Actor,
    reason: str,
    why: str,
    now: datetime,
) -> None:
    """Cancel a locked booking for another reason than its customer's wish, and refund everything.

    `why` is the reason in the customer's mail: the provider's role, `operator`, or the line's word for `no_provider`.
    """
    locked_payment = payments.locked(session, booking.id)
    case = _case(session, booking, payments.applied_attempt(session, locked_payment.payment.id), appointment)
    refund = refundable(booking.total, case.refunded, BASIS_POINTS) if case.paid_by else 0
    _end(session, line, case, actor, reason, now)
    _share_out(session, line, case, refund, now)
    notify.customer(session, line, booking, appointment, "cancelled_by_us", now, why=why, amount=refund)


def _case(session: Session, booking: Booking, paid_by: Attempt | None, appointment: Appointment | None = None) -> _Case:
    refunded = payments.refunded_of_total(session, paid_by, booking.total) if paid_by else 0
    return _Case(booking, appointment or queries.appointment_of(session, booking.id), paid_by, refunded)


def _offer(line: AppointmentLine, case: _Case, now: datetime) -> CancellationOffer:
    booking = case.booking
    if not BOOKING.allows(booking.status, Status.CANCELLED):
        raise NotCancellable(f"A booking that is {booking.status} cannot be cancelled.", current=booking.status)
    facts = cancellation_facts(booking, case.appointment, case.refunded)
    policy = CancellationPolicy.from_row(case.appointment.cancellation)
    return cancellation_offer(facts, policy, line.policy.free_after_provider_change, now)


def cancellation_facts(booking: Booking, appointment: Appointment, refunded: int) -> CancellationFacts:
    """Return the facts that decide a cancellation; `refunded` is the paise refunded before."""
    return CancellationFacts(
        total=booking.total,
        refunded=refunded,
        is_paid=booking.payment_status in PAID,
        is_accepted=booking.acceptance == Acceptance.ACCEPTED,
        starts_at=appointment.starts_at,
        provider_changed_at=appointment.provider_changed_at,
        cap_bp=appointment.refund_cap_bp,
    )


def _end(session: Session, line: AppointmentLine, case: _Case, actor: Actor, reason: str, now: datetime) -> None:
    """Set a booking to cancelled and free the provider's time; a provider who had accepted remains on the booking."""
    booking = case.booking
    offers.end(session, booking, OfferState.WITHDRAWN, now)
    accepted = booking.acceptance == Acceptance.ACCEPTED
    if accepted and actor.id != booking.provider_id:
        notify.provider(session, line, booking, case.appointment, "visit_cancelled", now)
    if not accepted:
        transitions.release_provider(booking)
    booking.pay_by, booking.cancellation_reason = None, reason
    payment = None if case.paid_by else PaymentStatus.FAILED
    transitions.move(session, booking, Status.CANCELLED, actor, now, kind="cancelled", reason=reason, payment=payment)
    session.flush()


def _share_out(session: Session, line: AppointmentLine, case: _Case, refund: int, now: datetime) -> None:
    if case.paid_by is not None:
        parts = line.parts(case.booking, case.appointment)
        sharing.share_out(session, case.booking, case.paid_by, refund, refunded=case.refunded, parts=parts, now=now)
