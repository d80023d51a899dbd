from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.bookings.lifecycle import ACTIVE, UNPAID
from shared.bookings.models import Booking, BookingEvent
from shared.kit.base import for_update
from shared.kit.errors import NotFound
from shared.kit.paging import PageQuery, Position, after, page_of


class BookingNotFound(NotFound):
    code = "booking_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such booking.")


def locked(session: Session, booking_id: UUID) -> Booking:
    """Return an existing booking, locked until the transaction ends."""
    booking: Booking = session.scalars(for_update(select(Booking).where(Booking.id == booking_id))).one()
    return booking


def locked_if_known(session: Session, booking_id: UUID) -> Booking:
    """Return a booking by a requested id, locked until the transaction ends. Raises BookingNotFound."""
    booking: Booking | None = session.scalars(for_update(select(Booking).where(Booking.id == booking_id))).one_or_none()
    if booking is None:
        raise BookingNotFound
    return booking


def line_of(session: Session, booking_id: UUID) -> str:
    """Return the name of a booking's line. Raises BookingNotFound."""
    name = session.scalars(select(Booking.line).where(Booking.id == booking_id)).one_or_none()
    if name is None:
        raise BookingNotFound
    return name


def own_booking(session: Session, line: str, customer_id: UUID, booking_id: UUID) -> Booking:
    """Return a customer's own booking of a line. Takes no lock. Raises BookingNotFound."""
    own = select(Booking).where(Booking.id == booking_id, Booking.customer_id == customer_id, Booking.line == line)
    booking = session.scalars(own).one_or_none()
    if booking is None:
        raise BookingNotFound
    return booking


def list_of_customer(session: Session, customer_id: UUID, page: PageQuery) -> tuple[list[Booking], str | None]:
    """Return a page of a customer's bookings of every line, the newest first."""
    rows = session.scalars(
        select(Booking)
        .where(Booking.customer_id == customer_id, *after(page, Booking.created_at, Booking.id))
        .order_by(Booking.created_at.desc(), Booking.id.desc())
        .limit(page.limit + 1)
    ).all()
    return page_of(rows, page.limit, lambda row: Position(row.created_at, row.id))


def past_deadline(session: Session, now: datetime, limit: int) -> Sequence[UUID]:
    """Return the ids of unpaid bookings past their payment deadline, the longest overdue first."""
    return session.scalars(
        select(Booking.id)
        .where(Booking.pay_by <= now, Booking.status.in_(ACTIVE), Booking.payment_status.in_(UNPAID))
        .order_by(Booking.pay_by)
        .limit(limit)
    ).all()


def history(
    session: Session, customer_id: UUID, booking_id: UUID, after: int, limit: int
) -> tuple[Booking, list[BookingEvent]] | None:
    """Return a customer's own booking and its events after an event id, the oldest first, in one statement."""
    since = (BookingEvent.booking_id == Booking.id) & (BookingEvent.id > after)
    rows = session.execute(
        select(Booking, BookingEvent)
        .outerjoin(BookingEvent, since)
        .where(Booking.id == booking_id, Booking.customer_id == customer_id)
        .order_by(BookingEvent.id)
        .limit(limit)
    ).all()
    return (rows[0][0], [row[1] for row in rows if row[1] is not None]) if rows else None


def snapshot(session: Session, booking_id: UUID) -> dict[str, str | None] | None:
    """Return a booking's status, payment status, acceptance and provider as plain JSON; None where there is none."""
    columns = (Booking.status, Booking.payment_status, Booking.acceptance, Booking.provider_id)
    row = session.execute(select(*columns).where(Booking.id == booking_id)).mappings().one_or_none()
    return {name: value and str(value) for name, value in row.items()} if row else None


def active_of(session: Session, customer_id: UUID) -> Sequence[Booking]:
    """Return a customer's active bookings, the oldest first."""
    return session.scalars(
        select(Booking)
        .where(Booking.customer_id == customer_id, Booking.status.in_(ACTIVE))
        .order_by(Booking.created_at, Booking.id)
    ).all()
