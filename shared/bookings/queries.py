from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shared.bookings.lifecycle import ACTIVE, UNPAID, Status
from shared.bookings.models import Booking, BookingEvent
from shared.kit import period as days
from shared.kit.base import for_update
from shared.kit.period import Period


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


def active_of(session: Session, customer_id: UUID) -> Sequence[Booking]:
    """Return what a customer has booked and has not had yet, the oldest first."""
    return session.scalars(
        select(Booking)
        .where(Booking.customer_id == customer_id, Booking.status.in_(ACTIVE))
        .order_by(Booking.created_at, Booking.id)
    ).all()


@dataclass(frozen=True)
class Tally:
    """How many bookings there are: by the state they are in now, made in a period by that state, made on each day."""

    now: Counter[Status]
    made: Counter[Status]
    by_day: Counter[date]


_TALLY = text(f"""
with days as ({days.DAYS}), made as (
  select {days.day_of("created_at")} as day, status, count(*) as number from bookings
  where {days.falls_in("created_at")} group by 1, 2
)
select days.day, made.status, coalesce(made.number, 0) from days left join made on made.day = days.day
union all select null, status, count(*) from bookings group by status
""")


def tally(session: Session, period: Period, today: Period) -> Tally:
    """Count all bookings, and those made in a period and today day by day, in one statement."""
    found = Tally(Counter(), Counter(), Counter())
    for day, status, number in session.execute(_TALLY, days.parameters(period, today)):
        if day is None:
            found.now[Status(status)] += number
            continue
        found.by_day[day] += number
        if status is not None and period.holds(day):
            found.made[Status(status)] += number
    return found
