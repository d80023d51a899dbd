"""Daily totals of new users; no user is ever deleted. Days are those of India."""

from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.kit import daily_rollup
from shared.users.models import User, UserDay

_COUNT = text("""
insert into user_days (day, made, total)
select :day, made.number, made.number + coalesce((select total from user_days where day = cast(:day as date) - 1), 0)
from (select count(*) as number from users where created_at >= :start and created_at < :until) made
on conflict do nothing
""")


def next_day(session: Session) -> date | None:
    """Return the first day without totals; None without users."""
    return daily_rollup.next_day(session, UserDay.day, User.created_at)


def count(session: Session, day: date) -> bool:
    """Store the totals of a past day, the one after the last stored day; always returns True."""
    session.execute(_COUNT, daily_rollup.bounds(day))
    return True
