"""Daily totals: past days are summed up one by one, each in its own transaction. Days are those of India."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from time import monotonic
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.kit.clock import INDIA, local, midnight
from shared.kit.database import Database

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
A_DAY = timedelta(days=1)
SETTLED = timedelta(hours=1)  # by then, every transaction that began on the day has ended
SECONDS = 40.0  # of the schedule function's 120; the next night continues


@dataclass(frozen=True)
class Days:
    """The steps of a rollup.

    `next_day` returns the first day without totals (None: no rows at all); `sum_up` returns False to stop at its day.
    """

    next_day: Callable[[Session], date | None]
    sum_up: Callable[[Session, date], bool]


def summed_until(session: Session, summed: Any) -> datetime:
    """Return the instant up to which all days have totals, from the column of summed days; NEVER if none has."""
    last = session.scalar(select(func.max(summed)))
    return midnight(last + A_DAY, INDIA) if last else NEVER


def still_open(session: Session, summed: Any) -> dict[str, Any]:
    """Return the first day without totals (`open_day`) and the instant it begins (`open_from`) as SQL parameters.

    A statement reads totals before `open_day` and rows since `open_from`, even if the nightly job adds a day meanwhile.
    """
    begins = summed_until(session, summed)
    return {"open_day": local(begins, INDIA).date(), "open_from": begins}


def next_day(session: Session, summed: Any, happened: Any) -> date | None:
    """Return the first day without totals; None without rows. `happened` is the column of the rows' instants."""
    until = summed_until(session, summed)
    first = until if until > NEVER else session.scalar(select(func.min(happened)))
    return local(first, INDIA).date() if first else None


def bounds(day: date) -> dict[str, Any]:
    """Return a day and the instants it begins and ends as SQL parameters."""
    return {"day": day, "start": midnight(day, INDIA), "until": midnight(day + A_DAY, INDIA)}


def sum_up(db: Database, days: Days, now: datetime) -> int:
    """Sum up the past days (of India) without totals, oldest first, for at most SECONDS; returns how many."""
    until, today, done = monotonic() + SECONDS, local(now - SETTLED, INDIA).date(), 0
    with db.reading() as session:
        day = days.next_day(session)
    while day is not None and day < today and monotonic() < until:
        with db.transaction() as session:
            if not days.sum_up(session, day):
                break
        day, done = day + A_DAY, done + 1
    return done
