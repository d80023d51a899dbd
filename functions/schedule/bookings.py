"""Scheduled jobs about bookings."""

from collections import Counter
from datetime import datetime

from functions import wiring
from shared.bookings import expiry


def expire(now: datetime) -> dict[str, int]:
    """Cancel bookings that were not paid by their deadline."""
    return expiry.expire(wiring.database(), wiring.line, now)


def deadlines(now: datetime) -> dict[str, int]:
    """Enforce each line's deadlines of offers, starts and completions."""
    done: dict[str, int] = {}
    for name in wiring.line_names():
        found = wiring.line(name).enforce_deadlines(wiring.database(), now)
        done |= {f"{name}.{rule}": count for rule, count in found.items()}
    return done


def remind(now: datetime) -> dict[str, int]:
    """Send the reminders of each line."""
    done = Counter[str]()
    for name in wiring.line_names():
        done.update(wiring.line(name).remind(wiring.database(), now))
    return dict(done)
