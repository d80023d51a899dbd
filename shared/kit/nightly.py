"""Days that are over are summed up one after the other, each in a transaction of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from time import monotonic

from sqlalchemy.orm import Session

from shared.kit.clock import INDIA, local
from shared.kit.database import Database

SETTLED = timedelta(hours=1)  # after a day's end nothing that began on it is still to be committed
SECONDS = 40.0  # of the 120 the schedule function has; the next night goes on


@dataclass(frozen=True)
class Days:
    """What sums up: `next_day` is the first that is not (None: nothing has ever happened), `sum_up` is False to stop there."""

    next_day: Callable[[Session], date | None]
    sum_up: Callable[[Session, date], bool]


def sum_up(db: Database, days: Days, now: datetime) -> int:
    """Sum up the days (of India) that are over and are not yet, the oldest first, within the time; returns how many."""
    until, today, done = monotonic() + SECONDS, local(now - SETTLED, INDIA).date(), 0
    with db.reading() as session:
        day = days.next_day(session)
    while day is not None and day < today and monotonic() < until:
        with db.transaction() as session:
            if not days.sum_up(session, day):
                break
        day, done = day + timedelta(days=1), done + 1
    return done
