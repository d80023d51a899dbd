"""Offers of appointments to providers, with a deadline to answer. Source: docs/product.md#offers."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.appointments import notify, queries
from shared.appointments.lifecycle import OFFER, OfferState
from shared.appointments.line import AppointmentLine
from shared.appointments.models import Appointment, Offer
from shared.appointments.policy import AppointmentPolicy
from shared.appointments.queries import AppointmentRow
from shared.bookings import transitions
from shared.bookings.expiry import is_overdue
from shared.bookings.history import SYSTEM, Actor, note
from shared.bookings.lifecycle import Acceptance, Status
from shared.bookings.models import Booking
from shared.bookings.transitions import StatusChangeNotAllowed
from shared.kit.clock import instant, local
from shared.kit.errors import Refusal
from shared.kit.ids import new_id
from shared.outbox import queries as outbox

LAPSE = "lapse"  # the kind of the line's message that ends an unanswered offer at its deadline


class OfferGone(Refusal):
    code, title = "offer_gone", "This offer is over"

    def __init__(self) -> None:
        super().__init__("The time to answer this offer has passed.")


def offer_ends(policy: AppointmentPolicy, start: datetime, zone: str, now: datetime) -> datetime:
    """Return the deadline of an offer, never after the start.

    At short notice it is the short offer's; else the long offer's, counted only within the policy's hours of the local day.
    """
    if start - now < policy.short_notice:
        return min(now + policy.short_offer, start)
    at, left = local(now, zone), policy.long_offer
    while True:
        opens = instant(at.date(), at.min.time().replace(hour=policy.day_begins), zone)
        closes = instant(at.date(), at.min.time().replace(hour=policy.day_ends), zone)
        begins = max(now, opens)
        if begins + left <= closes:
            return min(begins + left, start)
        left -= max(closes - begins, timedelta())
        at += timedelta(days=1)


def has_lapsed(offer: Offer, now: datetime) -> bool:
    """Return whether an open offer is past its deadline, even if the job `deadlines` has not ended it yet."""
    return offer.state == OfferState.OPEN and offer.expires_at is not None and offer.expires_at <= now


def on_paid(session: Session, line: AppointmentLine, booking: Booking, now: datetime) -> None:
    """Confirm a booking that was paid, notify both sides, and start the deadline of an open offer."""
    appointment = queries.appointment_of(session, booking.id)
    if booking.status == Status.PENDING:
        transitions.move(session, booking, Status.CONFIRMED, SYSTEM, now, kind="confirmed", reason="paid")
    session.flush()
    notify.customer(session, line, booking, appointment, "confirmed", now)
    if booking.acceptance == Acceptance.ACCEPTED:
        notify.provider(session, line, booking, appointment, "visit_paid", now)
    else:
        request_answer(session, line, booking, appointment, now)


def accept(session: Session, line: AppointmentLine, row: AppointmentRow, actor: Actor, now: datetime) -> None:
    """Accept a locked booking as its provider, before or after its payment. Raises StatusChangeNotAllowed, OfferGone."""
    booking, offer = row.booking, row.offer
    if booking.status not in {Status.PENDING, Status.CONFIRMED}:
        raise StatusChangeNotAllowed(booking, Status.CONFIRMED)
    if offer is None or offer.state != OfferState.OPEN or has_lapsed(offer, now) or is_overdue(booking, now):
        raise OfferGone
    offer.state = OFFER.move(offer.state, OfferState.ACCEPTED)
    offer.answered_at = now
    if booking.status == Status.PENDING:
        transitions.move(
            session, booking, Status.CONFIRMED, actor, now, kind="accepted", acceptance=Acceptance.ACCEPTED
        )
        deadline = pay_by_once_confirmed(line.policy, row.appointment, now)
        booking.pay_by = None if booking.cash_agreed else deadline
    else:
        transitions.accept(booking)
        note(session, booking, actor, now, kind="accepted")
    session.flush()
    occurrence = notify.reschedule_occurrence(row.appointment)
    notify.customer(session, line, booking, row.appointment, "accepted", now, subject=offer.id, occurrence=occurrence)


def pay_by_once_confirmed(policy: AppointmentPolicy, appointment: Appointment, now: datetime) -> datetime:
    """Return the deadline to pay an unpaid appointment that is confirmed now."""
    ends = min(now + policy.time_to_pay_once_confirmed, appointment.starts_at - policy.paid_before_start)
    return max(ends, now + policy.least_time_to_pay)


def pay_by_once_rescheduled(
    policy: AppointmentPolicy, booking: Booking, appointment: Appointment, now: datetime
) -> datetime | None:
    """Return the deadline to pay, no later than the new start allows and never sooner than the least time to pay."""
    if booking.pay_by is None:
        return None
    latest = max(appointment.starts_at - policy.paid_before_start, now + policy.least_time_to_pay)
    return min(booking.pay_by, latest)


def end(session: Session, booking: Booking, state: OfferState, now: datetime, reason: str | None = None) -> None:
    """End the current offer of a locked booking, if it has one."""
    offer = queries.current_offer(session, booking.id)
    if offer is not None:
        offer.state = OFFER.move(offer.state, state)
        offer.answered_at, offer.reason = now, reason


def request_answer(
    session: Session, line: AppointmentLine, booking: Booking, appointment: Appointment, now: datetime
) -> None:
    """Notify the provider of a locked booking to answer its open offer; start the offer's deadline if it has none."""
    offer = queries.current_offer(session, booking.id)
    if offer is None or offer.state != OfferState.OPEN:
        return
    if offer.expires_at is None:
        _start_deadline(session, line, offer, appointment, now)
    by = offer.expires_at and offer.expires_at.isoformat()
    occurrence = str(offer.id)
    notify.provider(session, line, booking, appointment, "visit_to_answer", now, occurrence=occurrence, answer_by=by)


def request_answer_at_booking(session: Session, line: AppointmentLine, booking_id: UUID, now: datetime) -> None:
    """Request the provider's answer to a new booking, in a line that requests it before the payment."""
    row = queries.locked(session, booking_id)
    request_answer(session, line, row.booking, row.appointment, now)


def _start_deadline(
    session: Session, line: AppointmentLine, offer: Offer, appointment: Appointment, now: datetime
) -> None:
    offer.expires_at = offer_ends(line.policy, appointment.starts_at, appointment.time_zone, now)
    # The message ends the offer on time; the job `deadlines` ends it if the message was lost.
    outbox.enqueue(session, f"{line.name}.{LAPSE}", {"booking_id": str(offer.booking_id)}, now, due_at=offer.expires_at)


def _awaits_answer(line: AppointmentLine, booking: Booking) -> bool:
    return line.policy.offered_at_booking or booking.status == Status.CONFIRMED


def reopen(
    session: Session, line: AppointmentLine, booking: Booking, appointment: Appointment, now: datetime
) -> Offer | None:
    """Reopen the offer of a rescheduled booking; its deadline restarts if the provider must answer now."""
    transitions.await_acceptance(booking)
    offer = queries.current_offer(session, booking.id)
    if offer is not None:
        if offer.state == OfferState.ACCEPTED:
            offer.state = OFFER.move(OfferState.ACCEPTED, OfferState.OPEN)
        offer.offered_at, offer.answered_at, offer.expires_at = now, None, None
        if _awaits_answer(line, booking):
            _start_deadline(session, line, offer, appointment, now)
    return offer


def make(
    session: Session,
    line: AppointmentLine,
    booking: Booking,
    appointment: Appointment,
    provider_id: UUID,
    now: datetime,
) -> Offer:
    """Offer a locked booking to a provider; an earlier offer to the same provider is replaced."""
    again = {"state": OfferState.OPEN, "offered_at": now, "expires_at": None, "answered_at": None, "reason": None}
    row = {"id": new_id(), "booking_id": booking.id, "provider_id": provider_id}
    offered = insert(Offer).values(**row, state=OfferState.OPEN, offered_at=now)
    session.execute(
        offered.on_conflict_do_update(
            index_elements=[Offer.booking_id, Offer.provider_id], set_={"id": new_id(), **again}
        )
    )
    if _awaits_answer(line, booking):
        request_answer(session, line, booking, appointment, now)
    offer = queries.current_offer(session, booking.id)
    assert offer, "it was written above"  # noqa: S101
    return offer
