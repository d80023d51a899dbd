"""Outbox messages that are not done."""

from datetime import datetime

from functions import wiring
from shared.outbox import sweep as outbox


def sweep(now: datetime) -> dict[str, int]:
    """Send undone messages again; a message that was sent often enough is dead."""
    return outbox.sweep(wiring.database(), wiring.queue(), now)
