from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.bookings.lifecycle import ACTIVE, UNPAID
from shared.bookings.models import Booking, BookingEvent
from shared.kit.base import for_update
from shared.kit.errors import NotFound


class BookingNotFound(NotFound):
    code = "booking_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such booking.")


def locked(session: Session, booking_id: UUID) -> Booking:
    """Return a booking whose row is ours until the transaction ends."""
    booking: Booking = session.scalars(for_update(select(Booking).where(Booking.id == booking_id))).one()
    return booking


def past_deadline(session: Session, now: datetime, limit: int) -> Sequence[UUID]:
    """Return the ids of unpaid bookings whose time to pay is over, the longest overdue first."""
    return session.scalars(
        select(Booking.id)
        .where(Booking.pay_by <= now, Booking.status.in_(ACTIVE), Booking.payment_status.in_(UNPAID))
        .order_by(Booking.pay_by)
        .limit(limit)
    ).all()


def history(
    session: Session, customer_id: UUID, booking_id: UUID, after: int, limit: int
) -> tuple[Booking, list[BookingEvent]] | None:
    """Return a customer's own booking and what has happened to it since an event, the oldest first, in one statement."""
    since = (BookingEvent.booking_id == Booking.id) & (BookingEvent.id > after)
    rows = session.execute(
        select(Booking, BookingEvent)
        .outerjoin(BookingEvent, since)
        .where(Booking.id == booking_id, Booking.customer_id == customer_id)
        .order_by(BookingEvent.id)
        .limit(limit)
    ).all()
    return (rows[0][0], [row[1] for row in rows if row[1] is not None]) if rows else None


def standing(session: Session, booking_id: UUID) -> dict[str, Any] | None:
    """Return where a booking stands, as plain JSON; None where there is none."""
    columns = (Booking.status, Booking.payment_status, Booking.answer, Booking.provider_id)
    row = session.execute(select(*columns).where(Booking.id == booking_id)).mappings().one_or_none()
    return {name: value and str(value) for name, value in row.items()} if row else None


def active_of(session: Session, customer_id: UUID) -> Sequence[Booking]:
    """Return what a customer has booked and has not had yet, the oldest first."""
    return session.scalars(
        select(Booking)
        .where(Booking.customer_id == customer_id, Booking.status.in_(ACTIVE))
        .order_by(Booking.created_at, Booking.id)
    ).all()
