"""Instants are UTC; days and times of day belong to the time zone of a place."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

INDIA = "Asia/Kolkata"  # the zone of the platform's business days


def instant(day: date, at: time, zone: str) -> datetime:
    """Return the UTC instant of a wall-clock time at a place (IANA zone name)."""
    return datetime.combine(day, at, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def midnight(day: date, zone: str) -> datetime:
    """Return the UTC instant at which a day begins at a place."""
    return instant(day, time(), zone)


def local(moment: datetime, zone: str) -> datetime:
    """Return the same instant in the local time of a place (IANA zone name)."""
    return moment.astimezone(ZoneInfo(zone))


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)
