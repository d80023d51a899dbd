"""A provider's free time: the week, the days off, the busy periods. Pure; times of day are local.

A week is counted in minutes from Monday 00:00. Adjacent slots are merged, also at midnight and from Sunday to Monday.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from shared.kit.clock import local, minutes

DAY, WEEK = 1_440, 10_080
STEP = timedelta(minutes=30)  # appointments start on :00 or :30


@dataclass(frozen=True)
class Slot:
    """A part of each week: weekday (Monday 0), minutes of the day, [starts, ends), the end up to 1440."""

    weekday: int
    starts: int
    ends: int


@dataclass(frozen=True)
class Calendar:
    """One provider's calendar; `busy` periods are UTC, half-open, and include the gap for travel."""

    zone: str
    week: Sequence[Slot]
    days_off: frozenset[date]
    busy: Sequence[tuple[datetime, datetime]]
    gap: timedelta

    def is_free(self, start: datetime, end: datetime) -> bool:
        """Return whether an appointment from start to end could be booked with this provider."""
        return self.works(start, end) and not self.is_off(start, end) and not self.is_busy(start, end)

    def works(self, start: datetime, end: datetime) -> bool:
        """Return whether the week covers the whole appointment."""
        begins, length = minute_of_week(start, self.zone), (end - start) // minutes(1)
        return any(first <= begins and begins + length <= last for first, last in _joined(self.week))

    def is_off(self, start: datetime, end: datetime) -> bool:
        """Return whether the appointment touches a day off."""
        return any(day in self.days_off for day in days_touched(start, end, self.zone))

    def is_busy(self, start: datetime, end: datetime) -> bool:
        """Return whether the appointment, with its gap, overlaps a busy period."""
        return any(begin < end + self.gap and start < until for begin, until in self.busy)


def minute_of_week(moment: datetime, zone: str) -> int:
    """Return the minutes from the local Monday 00:00 to an instant."""
    at = local(moment, zone)
    return at.weekday() * DAY + at.hour * 60 + at.minute


def _joined(week: Iterable[Slot]) -> Iterator[tuple[int, int]]:
    # The week is repeated, so that an appointment over midnight from Sunday to Monday is covered too.
    once = sorted((slot.weekday * DAY + slot.starts, slot.weekday * DAY + slot.ends) for slot in week)
    current: tuple[int, int] | None = None
    for first, last in [*once, *((first + WEEK, last + WEEK) for first, last in once)]:
        if current and first <= current[1]:
            current = (current[0], max(current[1], last))
        else:
            if current:
                yield current
            current = (first, last)
    if current:
        yield current


def days_touched(start: datetime, end: datetime, zone: str) -> list[date]:
    """Return the local days an appointment touches; one that ends at midnight does not touch the next day."""
    first, last = local(start, zone).date(), local(end - timedelta(microseconds=1), zone).date()
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


def nearest_free(
    calendar: Calendar, wanted: datetime, length: timedelta, earliest: datetime, latest: datetime, count: int = 3
) -> list[datetime]:
    """Return the free starts nearest to the requested one, nearest first; of two equally near, the earlier."""
    offsets = (offset for step in range(1, 2 * 48 + 1) for offset in (-step * STEP, step * STEP))
    free: list[datetime] = []
    for offset in offsets:
        start = wanted + offset
        if earliest <= start <= latest and calendar.is_free(start, start + length):
            free.append(start)
            if len(free) == count:
                break
    return free
