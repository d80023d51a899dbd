"""Scheduled jobs about bookings."""

from collections import Counter
from datetime import datetime

from functions import wiring
from shared.bookings import expiry
from shared.kit.each import run_each


def expire(now: datetime) -> dict[str, int]:
    """Cancel bookings that were not paid by their deadline."""
    return expiry.expire(wiring.database(), wiring.line, now)


def deadlines(now: datetime) -> dict[str, int]:
    """Enforce each line's deadlines of offers, starts and completions."""
    found = run_each(wiring.line_names(), lambda name: wiring.line(name).enforce_deadlines(wiring.database(), now))
    return {f"{name}.{rule}": count for name, counts in found.items() for rule, count in counts.items()}


def remind(now: datetime) -> dict[str, int]:
    """Send the reminders of each line."""
    done = Counter[str]()
    found = run_each(wiring.line_names(), lambda name: wiring.line(name).remind(wiring.database(), now))
    for counts in found.values():
        done.update(counts)
    return dict(done)
