"""When a payment or a refund that has not ended is asked about again (facts, payments 1.9)."""

from datetime import datetime, timedelta

MINUTES = (0.5, 1, 2, 4, 8, 15, 22)
HOURS = (1, 3, 6, 12)
DAYS = (1, 2, 3, 4, 5, 6, 7)
STEPS = (
    *(timedelta(minutes=step) for step in MINUTES),
    *(timedelta(hours=step) for step in HOURS),
    *(timedelta(days=step) for step in DAYS),
)
# A last rung is taken once more where who took it died before it was said that a person has to look.
AFTER_THE_LAST = timedelta(minutes=10)


def next_poll(started_at: datetime, now: datetime) -> datetime | None:
    """Return the next rung after now, whichever were missed; None when the ladder has ended and a person has to look."""
    return next((started_at + step for step in STEPS if started_at + step > now), None)
