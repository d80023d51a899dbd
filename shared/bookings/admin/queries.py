"""Admin queries over the bookings of every line."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select, text
from sqlalchemy.orm import Session, aliased

from shared.bookings.admin.models import BookingDay
from shared.bookings.admin.schemas import BookingsQuery, ExceptionsQuery
from shared.bookings.lifecycle import Status
from shared.bookings.models import Booking, BookingEvent, ManualReview
from shared.kit import daily_rollup
from shared.kit import date_range as days
from shared.kit.base import for_update
from shared.kit.date_range import DateRange
from shared.kit.paging import Position, after, page_of, within_days
from shared.users.models import User


@dataclass(frozen=True)
class Tally:
    """Counts of bookings: all by their present status, those made in a period by that status, and those made per day."""

    now: Counter[Status]
    made: Counter[Status]
    by_day: Counter[date]


_TALLY = text(f"""
with days as ({days.DAYS}), made as (
  select day, each.key as status, each.value::bigint as number
  from days join booking_days using (day), jsonb_each_text(made) each where day < :open_day
  union all
  select {days.day_of("created_at")}, status, count(*) from bookings
  where created_at >= :open_from and {days.falls_in("created_at")} group by 1, 2
)
select days.day, made.status, coalesce(made.number, 0) from days left join made on made.day = days.day
union all select null, status, count(*) from bookings where created_at >= :open_from group by status
union all select null, each.key, each.value::bigint
  from booking_days, jsonb_each_text(totals) each where day = cast(:open_day as date) - 1
""")


def tally(session: Session, period: DateRange, today: DateRange) -> Tally:
    """Count all bookings, and per day (of India) those made in a period and today, in two statements."""
    found = Tally(Counter(), Counter(), Counter())
    parameters = days.parameters(period, today) | daily_rollup.still_open(session, BookingDay.day)
    for day, status, number in session.execute(_TALLY, parameters):
        if day is None:
            found.now[Status(status)] += number
            continue
        found.by_day[day] += number
        if status is not None and period.contains(day):
            found.made[Status(status)] += number
    return found


def events(session: Session, booking_id: UUID) -> Sequence[BookingEvent]:
    """Return the events of a booking, the oldest first."""
    own = select(BookingEvent).where(BookingEvent.booking_id == booking_id)
    return session.scalars(own.order_by(BookingEvent.id)).all()


CustomerUser, ProviderUser = aliased(User), aliased(User)


@dataclass(frozen=True)
class NamedBooking:
    """A booking with the names of its customer and its provider."""

    booking: Booking
    customer_name: str | None
    provider_name: str | None


def list_for_admins(session: Session, wanted: BookingsQuery) -> tuple[list[NamedBooking], str | None]:
    """Return a page of the bookings of every line that match a query, the newest first, in one statement."""
    rows = session.execute(
        select(Booking, CustomerUser.name, ProviderUser.name)
        .join(CustomerUser, CustomerUser.id == Booking.customer_id)
        .outerjoin(ProviderUser, ProviderUser.id == Booking.provider_id)
        .where(*_wanted(wanted), *after(wanted, Booking.created_at, Booking.id))
        .order_by(Booking.created_at.desc(), Booking.id.desc())
        .limit(wanted.limit + 1)
    ).all()
    named = [NamedBooking(*row) for row in rows]
    return page_of(named, wanted.limit, lambda row: Position(row.booking.created_at, row.booking.id))


def _wanted(wanted: BookingsQuery) -> list[ColumnElement[bool]]:
    exactly: dict[Any, Any] = {
        Booking.status: wanted.status,
        Booking.payment_status: wanted.payment_status,
        Booking.acceptance: wanted.acceptance,
        Booking.line: wanted.line,
        func.lower(Booking.city): wanted.city and wanted.city.lower(),
        Booking.customer_id: wanted.customer_id,
        Booking.provider_id: wanted.provider_id,
    }
    return [
        *(column == value for column, value in exactly.items() if value is not None),
        *([Booking.ref.like(f"{wanted.q.upper()}%")] if wanted.q else []),
        *within_days(func.lower(Booking.busy_period), wanted.date_from, wanted.date_to),
        # No booking starts before it is made. This bound lets a search of old days skip the newest rows.
        *within_days(Booking.created_at, None, wanted.date_to),
        *within_days(Booking.created_at, wanted.created_from, wanted.created_to),
    ]


def list_reviews(session: Session, wanted: ExceptionsQuery) -> tuple[list[ManualReview], str | None]:
    """Return a page of the manual reviews that match a query, the newest first, in one statement."""
    is_open = ManualReview.closed_at.is_(None)
    statement = select(ManualReview).where(is_open if wanted.state == "open" else ~is_open)
    if wanted.kind is not None:
        statement = statement.where(ManualReview.kind == wanted.kind)
    if wanted.booking_id is not None:
        statement = statement.where(ManualReview.booking_id == wanted.booking_id)
    rows = session.scalars(
        statement.where(*after(wanted, ManualReview.created_at, ManualReview.id))
        .order_by(ManualReview.created_at.desc(), ManualReview.id.desc())
        .limit(wanted.limit + 1)
    ).all()
    return page_of(rows, wanted.limit, lambda row: Position(row.created_at, row.id))


def reviews_of(session: Session, booking_id: UUID) -> Sequence[ManualReview]:
    """Return the manual reviews of a booking, open and closed, the oldest first."""
    own = select(ManualReview).where(ManualReview.booking_id == booking_id)
    return session.scalars(own.order_by(ManualReview.created_at, ManualReview.id)).all()


def review(session: Session, exception_id: UUID) -> ManualReview | None:
    return session.get(ManualReview, exception_id)


def locked_review(session: Session, exception_id: UUID) -> ManualReview:
    own: Select[Any] = select(ManualReview).where(ManualReview.id == exception_id)
    found: ManualReview = session.scalars(for_update(own)).one()
    return found
