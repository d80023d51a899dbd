"""Days that are over are summed up one after the other, each in a transaction of its own. Days are those of India."""

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
SETTLED = timedelta(hours=1)  # after a day's end nothing that began on it is still to be committed
SECONDS = 40.0  # of the 120 the schedule function has; the next night goes on


@dataclass(frozen=True)
class Days:
    """The steps of a rollup: `next_day` is the first that is not (None: nothing has ever happened), `sum_up` is False to stop there."""

    next_day: Callable[[Session], date | None]
    sum_up: Callable[[Session, date], bool]


def summed_until(session: Session, summed: Any) -> datetime:
    """Return the instant before which every day is summed up, by the column of those that are; NEVER where none is."""
    last = session.scalar(select(func.max(summed)))
    return midnight(last + A_DAY, INDIA) if last else NEVER


def still_open(session: Session, summed: Any) -> dict[str, Any]:
    """Return for a statement the first day that is not summed up (`open_day`), and the instant it begins (`open_from`).

    It reads summed days before the one and rows from the other on: the night's job may sum up a day in between.
    """
    begins = summed_until(session, summed)
    return {"open_day": local(begins, INDIA).date(), "open_from": begins}


def next_day(session: Session, summed: Any, happened: Any) -> date | None:
    """Return the first day that is not summed up; None where nothing ever happened, by the column of its instants."""
    until = summed_until(session, summed)
    first = until if until > NEVER else session.scalar(select(func.min(happened)))
    return local(first, INDIA).date() if first else None


def bounds(day: date) -> dict[str, Any]:
    """Return a day for a statement, with the instant it begins and the one it is over."""
    return {"day": day, "start": midnight(day, INDIA), "until": midnight(day + A_DAY, INDIA)}


def sum_up(db: Database, days: Days, now: datetime) -> int:
    """Sum up the days (of India) that are over and are not yet, the oldest first, within the time; returns how many."""
    until, today, done = monotonic() + SECONDS, local(now - SETTLED, INDIA).date(), 0
    with db.reading() as session:
        day = days.next_day(session)
    while day is not None and day < today and monotonic() < until:
        with db.transaction() as session:
            if not days.sum_up(session, day):
                break
        day, done = day + A_DAY, done + 1
    return done
