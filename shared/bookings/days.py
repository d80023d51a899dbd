"""Daily totals of bookings, for days without active bookings: final statuses never change (`shared.bookings.lifecycle`).

A nightly job counts each past day once; queries read the bookings of days without totals. Days are those of India.
"""

from datetime import date
from typing import Any, cast

from sqlalchemy import CursorResult, text
from sqlalchemy.orm import Session

from shared.bookings.admin.models import BookingDay
from shared.bookings.models import IS_ACTIVE, Booking
from shared.kit import daily_rollup

_COUNT = text(f"""
with made as (
  select status, count(*) as number from bookings where created_at >= :start and created_at < :until group by status
), total as (
  select status, number from made
  union all
  select each.key, each.value::bigint from booking_days, jsonb_each_text(totals) each where day = cast(:day as date) - 1
)
insert into booking_days (day, made, totals)
select :day, (select coalesce(jsonb_object_agg(status, number), '{{}}') from made),
  (select coalesce(jsonb_object_agg(status, number), '{{}}') from (
    select status, sum(number) as number from total group by status) by_status)
where not exists (select from bookings where {IS_ACTIVE} and created_at < :until)
on conflict do nothing
""")


def next_day(session: Session) -> date | None:
    """Return the first day without totals; None without bookings."""
    return daily_rollup.next_day(session, BookingDay.day, Booking.created_at)


def count(session: Session, day: date) -> bool:
    """Store the totals of a past day, the one after the last stored day; returns False while a booking is active."""
    return cast("CursorResult[Any]", session.execute(_COUNT, daily_rollup.bounds(day))).rowcount > 0
