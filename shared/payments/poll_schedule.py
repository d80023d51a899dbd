"""When the gateway is polled about a payment or a refund that has not ended (docs/product.md#polling-schedule)."""

from datetime import datetime, timedelta

MINUTES = (0.5, 1, 2, 4, 8, 15, 22)
HOURS = (1, 3, 6, 12)
DAYS = (1, 2, 3, 4, 5, 6, 7)
STEPS = (
    *(timedelta(minutes=step) for step in MINUTES),
    *(timedelta(hours=step) for step in HOURS),
    *(timedelta(days=step) for step in DAYS),
)
# If a worker dies after claiming the last poll, the next run claims that poll again and opens a manual review.
RECLAIM_LAST_AFTER = timedelta(minutes=10)


def next_poll(started_at: datetime, now: datetime) -> datetime | None:
    """Return the next poll after now, skipping missed ones; None once the schedule has ended and a manual review is due."""
    return next((started_at + step for step in STEPS if started_at + step > now), None)
