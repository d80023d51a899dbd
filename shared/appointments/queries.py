"""Statements about appointments: of a customer, of a provider, or locked for a change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from shared.appointments.models import Appointment, Offer
from shared.bookings import queries as bookings
from shared.bookings.models import Booking
from shared.bookings.queries import BookingNotFound
from shared.kit.paging import PageQuery, Position, after, page_of
from shared.users.models import User


@dataclass(frozen=True)
class AppointmentRow:
    """A booking with its appointment, its customer, and the current offer to its provider."""

    booking: Booking
    appointment: Appointment
    customer: User
    offer: Offer | None


def _of_provider(provider_id: UUID) -> Select[Booking, Appointment, User, Offer]:
    return (
        select(Booking, Appointment, User, Offer)
        .join(Appointment, Appointment.booking_id == Booking.id)
        .join(User, User.id == Booking.customer_id)
        .outerjoin(Offer, (Offer.booking_id == Booking.id) & (Offer.provider_id == provider_id))
        .where(Booking.provider_id == provider_id)
    )


def of_provider(session: Session, provider_id: UUID, booking_id: UUID) -> AppointmentRow:
    """Return a booking whose current provider this is. Raises BookingNotFound."""
    row = session.execute(_of_provider(provider_id).where(Booking.id == booking_id)).one_or_none()
    if row is None:
        raise BookingNotFound
    return AppointmentRow(*row)


def of_customer(
    session: Session, line: str, customer_id: UUID, booking_id: UUID
) -> tuple[Booking, Appointment, str | None]:
    """Return a customer's own booking of a line with its appointment and its provider's name. Raises BookingNotFound."""
    row = session.execute(
        select(Booking, Appointment, User.name)
        .join(Appointment, Appointment.booking_id == Booking.id)
        .outerjoin(User, User.id == Booking.provider_id)
        .where(Booking.id == booking_id, Booking.customer_id == customer_id, Booking.line == line)
    ).one_or_none()
    if row is None:
        raise BookingNotFound
    return row[0], row[1], row[2]


def locked_of_provider(session: Session, provider_id: UUID, booking_id: UUID) -> AppointmentRow:
    """Lock and return a booking whose current provider this is. Raises BookingNotFound."""
    # Two statements, because a single one that waits for the lock reads the other tables as they were before the wait.
    own = select(Booking.id).where(Booking.id == booking_id, Booking.provider_id == provider_id)
    session.execute(own.with_for_update(key_share=True))
    return of_provider(session, provider_id, booking_id)


def list_of_provider(
    session: Session, provider_id: UUID, page: PageQuery, status: str | None
) -> tuple[list[AppointmentRow], str | None]:
    """Return a page of a provider's bookings, the newest first."""
    statement = _of_provider(provider_id).where(*after(page, Booking.created_at, Booking.id))
    if status is not None:
        statement = statement.where(Booking.status == status)
    newest = statement.order_by(Booking.created_at.desc(), Booking.id.desc()).limit(page.limit + 1)
    rows = [AppointmentRow(*row) for row in session.execute(newest)]
    return page_of(rows, page.limit, lambda row: Position(row.booking.created_at, row.booking.id))


def locked(session: Session, booking_id: UUID) -> AppointmentRow:
    """Lock an existing booking and return it with the offer to its current provider."""
    bookings.locked(session, booking_id)
    statement = (
        select(Booking, Appointment, User, Offer)
        .join(Appointment, Appointment.booking_id == Booking.id)
        .join(User, User.id == Booking.customer_id)
        .outerjoin(Offer, (Offer.booking_id == Booking.id) & (Offer.provider_id == Booking.provider_id))
        .where(Booking.id == booking_id)
    )
    return AppointmentRow(*session.execute(statement.execution_options(populate_existing=True)).one())


def find(session: Session, booking_id: UUID) -> Appointment:
    """Return the appointment of a booking id from a request. Raises BookingNotFound."""
    appointment = session.get(Appointment, booking_id)
    if appointment is None:
        raise BookingNotFound
    return appointment


def appointment_of(session: Session, booking_id: UUID) -> Appointment:
    return session.get_one(Appointment, booking_id)


def booking_and_start(session: Session, booking_id: UUID) -> tuple[Booking, datetime]:
    """Return a booking and the start of its appointment, in one statement."""
    statement = select(Booking, Appointment.starts_at).join(Appointment, Appointment.booking_id == Booking.id)
    row = session.execute(statement.where(Booking.id == booking_id)).one()
    return row[0], row[1]


def current_offer(session: Session, booking_id: UUID) -> Offer | None:
    """Return the offer that is open or accepted; the booking's row is locked by the caller."""
    return session.scalars(_current_offer(booking_id)).one_or_none()


def _current_offer(booking_id: UUID) -> Select[Offer]:
    return select(Offer).where(Offer.booking_id == booking_id, Offer.state.in_(["open", "accepted"]))


def upcoming_of(session: Session, provider_id: UUID) -> Sequence[UUID]:
    """Return the ids of a provider's bookings that have not started."""
    statement = select(Booking.id).where(
        Booking.provider_id == provider_id, Booking.status.in_(["pending", "confirmed"])
    )
    return session.scalars(statement).all()
