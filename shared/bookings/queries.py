from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.bookings.lifecycle import ACTIVE, UNPAID
from shared.bookings.models import Booking, BookingEvent
from shared.kit.base import for_update


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


def unpaid_of(session: Session, customer_id: UUID) -> Sequence[UUID]:
    """Return the ids of a customer's active bookings that are not paid."""
    mine = (Booking.customer_id == customer_id, Booking.status.in_(ACTIVE), Booking.payment_status.in_(UNPAID))
    return session.scalars(select(Booking.id).where(*mine)).all()


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
