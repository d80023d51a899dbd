"""A customer's bookings: a list of those of every line, and one visit with its refunds."""

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any, TypedDict, cast
from uuid import UUID

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from shared.appointments.models import Appointment, Rating
from shared.bookings.lifecycle import Acceptance, PaymentStatus, Status
from shared.bookings.models import Booking
from shared.bookings.queries import BookingNotFound
from shared.kit.paging import PageQuery, Position, after, page_of
from shared.kit.stored import JsonScalar
from shared.lines.home_chef.visit import NAME
from shared.payments.models import Refund
from shared.users.models import User


class BookingRow(TypedDict):
    """The columns of a booking that its customer sees; those of a visit are None for another line's booking."""

    id: UUID
    ref: str
    line: str
    status: Status
    payment_status: PaymentStatus
    acceptance: Acceptance
    total: int
    breakdown: dict[str, int]
    pay_by: datetime | None
    cancellation_reason: str | None
    created_at: datetime
    booking_date: date
    time_slot: time
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    address: dict[str, JsonScalar]
    details: dict[str, JsonScalar]
    chef_id: UUID | None
    chef_name: str | None
    stars: int | None
    comment: str | None
    rated_at: datetime | None


_STATES = (Booking.status, Booking.payment_status, Booking.acceptance, Booking.pay_by, Booking.cancellation_reason)
_TIMES = (Appointment.booking_date, Appointment.time_slot, Appointment.starts_at, Appointment.ends_at)
_PLACE = (Appointment.time_zone, Appointment.address, Appointment.details)
_SHOWN = (
    select(Booking.id, Booking.ref, Booking.line, Booking.total, Booking.breakdown, Booking.created_at)
    .add_columns(*_STATES, *_TIMES, *_PLACE)
    .add_columns(Booking.provider_id.label("chef_id"), User.name.label("chef_name"))
    .add_columns(Rating.stars, Rating.comment, Rating.created_at.label("rated_at"))
    .outerjoin(Appointment, (Appointment.booking_id == Booking.id) & (Booking.line == NAME))
    .outerjoin(User, User.id == Booking.provider_id)
    .outerjoin(Rating, Rating.booking_id == Booking.id)
    .where(Booking.customer_id == bindparam("customer"))
)
_NEWEST = _SHOWN.order_by(Booking.created_at.desc(), Booking.id.desc()).limit(bindparam("most"))
_ONE: Select[Any] = (
    _SHOWN.add_columns(Refund)
    .outerjoin(Refund, Refund.booking_id == Booking.id)
    .where(Booking.id == bindparam("booking"), Booking.line == NAME)
    .order_by(Refund.created_at, Refund.id)
)


def list_of_customer(session: Session, customer_id: UUID, page: PageQuery) -> tuple[list[BookingRow], str | None]:
    """Return a page of a customer's bookings of every line, the newest first, without refunds."""
    statement = _NEWEST.where(*after(page, Booking.created_at, Booking.id))
    rows = session.execute(statement, {"customer": customer_id, "most": page.limit + 1}).mappings().all()
    return page_of(cast("Sequence[BookingRow]", rows), page.limit, lambda row: Position(row["created_at"], row["id"]))


def of_customer(session: Session, customer_id: UUID, booking_id: UUID) -> tuple[BookingRow, Sequence[Refund]]:
    """Return a customer's own visit with its refunds, in one statement. Raises BookingNotFound."""
    rows = session.execute(_ONE, {"customer": customer_id, "booking": booking_id}).mappings().all()
    if not rows:
        raise BookingNotFound
    return cast("BookingRow", rows[0]), [row["Refund"] for row in rows if row["Refund"] is not None]
