"""Notify the customer and the provider of an appointment, with the facts that their mails show."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from shared.appointments.facts import AppointmentFacts
from shared.appointments.line import AppointmentLine, Placement
from shared.appointments.models import Appointment
from shared.bookings.lifecycle import Acceptance
from shared.bookings.models import Booking
from shared.notifications.queries import notify
from shared.users.models import User


def facts_of(session: Session, line: AppointmentLine, booking: Booking, appointment: Appointment) -> AppointmentFacts:
    """Return the facts of an appointment, as they are now, that a mail may show."""
    provider = session.get(User, booking.provider_id) if booking.provider_id else None
    common = AppointmentFacts(
        booking_id=str(booking.id),
        ref=booking.ref,
        total=booking.total,
        earning=appointment.earning,
        day=appointment.booking_date.isoformat(),
        time=f"{appointment.time_slot:%H:%M}",
        zone=appointment.time_zone,
        starts_at=appointment.starts_at.isoformat(),
        city=appointment.address["city"],
        provider=provider.name if provider else None,
        provider_id=str(provider.id) if provider else None,
        accepted=booking.acceptance == Acceptance.ACCEPTED,
    )
    return line.facts(common, appointment)


def placement_facts(line: AppointmentLine, placement: Placement) -> AppointmentFacts:
    """Return the facts of a booking that is being made, with its deadline to pay."""
    request, provider = placement.request, placement.provider
    common = AppointmentFacts(
        booking_id=str(placement.id),
        ref=placement.ref,
        total=placement.price.total,
        earning=placement.price.earning,
        day=request.booking_date.isoformat(),
        time=f"{request.time_slot:%H:%M}",
        zone=line.time_zone,
        starts_at=request.starts_at.isoformat(),
        city=placement.context.address.city,
        provider=provider.name,
        provider_id=str(provider.id),
        pay_by=placement.pay_by.isoformat(),
    )
    return line.placement_facts(common, placement)


def customer(
    session: Session,
    line: AppointmentLine,
    booking: Booking,
    appointment: Appointment,
    kind: str,
    now: datetime,
    *,
    subject: UUID | None = None,
    occurrence: str | None = None,
    **more: Any,
) -> None:
    """Notify the customer once for each kind, subject (the booking, unless another is given) and occurrence.

    `more` are facts of this kind; a name that AppointmentFacts lacks raises TypeError.
    """
    _notify(session, line, booking, appointment, booking.customer_id, kind, now, subject, occurrence, more)


def provider(
    session: Session,
    line: AppointmentLine,
    booking: Booking,
    appointment: Appointment,
    kind: str,
    now: datetime,
    *,
    subject: UUID | None = None,
    occurrence: str | None = None,
    **more: Any,
) -> None:
    """Notify the booking's provider, if it has one, as `customer` notifies the customer."""
    if booking.provider_id is not None:
        _notify(session, line, booking, appointment, booking.provider_id, kind, now, subject, occurrence, more)


def _notify(
    session: Session,
    line: AppointmentLine,
    booking: Booking,
    appointment: Appointment,
    user_id: UUID,
    kind: str,
    now: datetime,
    subject: UUID | None,
    occurrence: str | None,
    more: dict[str, Any],
) -> None:
    facts = replace(facts_of(session, line, booking, appointment), **more)
    about = subject or booking.id
    notify(session, user_id, line.name, line.word(kind), about, facts.to_row(), now, once=occurrence)


def reschedule_occurrence(appointment: Appointment) -> str | None:
    """Return the occurrence key for time-related notifications; each reschedule changes it, so that the user is notified again."""
    return f"moved {appointment.rescheduled}" if appointment.rescheduled else None
