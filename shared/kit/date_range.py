"""A range of local days, both ends included: read from a query, and as SQL fragments that find the rows in it."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any

from pydantic import Field

from shared.kit.clock import instant, local
from shared.kit.errors import Invalid
from shared.kit.schemas import Query, QueryDay

MOST_DAYS = 366


@dataclass(frozen=True)
class DateRange:
    """The local days from `first` to `last`, both included; `zone` is an IANA name."""

    first: date
    last: date
    zone: str

    @classmethod
    def today(cls, now: datetime, zone: str) -> "DateRange":
        day = local(now, zone).date()
        return cls(day, day, zone)

    @property
    def start(self) -> datetime:
        """The instant the first day begins (UTC)."""
        return instant(self.first, time(), self.zone)

    @property
    def until(self) -> datetime:
        """The instant the last day ends (UTC, exclusive)."""
        return instant(self.last + timedelta(days=1), time(), self.zone)

    def contains(self, day: date) -> bool:
        return self.first <= day <= self.last


class DateRangeQuery(Query):
    """Local days, both included. `to` defaults to today, `from` to the last day, or to the first of its month."""

    first: Annotated[QueryDay | None, Field(alias="from")] = None
    last: Annotated[QueryDay | None, Field(alias="to")] = None

    def date_range(self, now: datetime, zone: str, *, by_month: bool = False) -> DateRange:
        """Return the requested range with its defaults; raises Invalid if it is reversed or longer than MOST_DAYS."""
        last = self.last or max(DateRange.today(now, zone).last, self.first or date.min)
        first = self.first or (last.replace(day=1) if by_month else last)
        if first > last:
            raise Invalid("query.from", f"must not be after {last}")
        if last - first >= timedelta(days=MOST_DAYS):
            raise Invalid("query.from", f"must be within {MOST_DAYS} days of {last}")
        return DateRange(first, last, zone)


# SQL that selects the days of a period, and today, as the column `day`.
DAYS = """
select cast(:first as date) + number as day
from generate_series(0, cast(:last as date) - cast(:first as date)) as series(number)
union select cast(:today as date)
"""


def falls_in(moment: str) -> str:
    """Return the SQL condition that a column's instant falls on one of the `DAYS`, in a form that can use its index."""
    of_period = f"{moment} >= cast(:start as timestamptz) and {moment} < cast(:until as timestamptz)"
    of_today = f"{moment} >= cast(:today_start as timestamptz) and {moment} < cast(:today_until as timestamptz)"
    return f"({of_period} or {of_today})"


def day_of(moment: str) -> str:
    """Return the SQL expression of the local day of a column's instant."""
    return f"cast({moment} at time zone cast(:zone as text) as date)"


def parameters(period: DateRange, today: DateRange) -> dict[str, Any]:
    """Return the parameters of `DAYS`, `falls_in` and `day_of`."""
    return {
        "first": period.first,
        "last": period.last,
        "start": period.start,
        "until": period.until,
        "today": today.first,
        "today_start": today.start,
        "today_until": today.until,
        "zone": period.zone,
    }
