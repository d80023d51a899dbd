"""The scheduled job that enqueues overdue outbox messages again."""

from datetime import datetime

from functions import wiring
from shared.outbox import sweep as outbox


def sweep(now: datetime) -> dict[str, int]:
    """Enqueue overdue messages again; after too many attempts a message is dead."""
    return outbox.sweep(wiring.database(), wiring.queue(), now)
