"""Days that are over, with how many people came on each: nobody is ever deleted. Days are those of India."""

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
    """Return the first day that is not counted; None where nobody ever came."""
    return daily_rollup.next_day(session, UserDay.day, User.created_at)


def count(session: Session, day: date) -> bool:
    """Count a day that is over, the next one after those that are; always true."""
    session.execute(_COUNT, daily_rollup.bounds(day))
    return True
