"""The jobs by name; each returns what it did, for the log."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

from functions import wiring
from shared.bookings import expiry
from shared.outbox import sweep as outbox_sweep
from shared.payments import following


def sweep(now: datetime) -> dict[str, int]:
    """Send again what was promised and is not done."""
    return outbox_sweep.sweep(wiring.database(), wiring.queue(), now)


def expire(now: datetime) -> dict[str, int]:
    """Cancel what was not paid in time."""
    return expiry.expire(wiring.database(), wiring.line, now)


def reconcile(now: datetime) -> dict[str, int]:
    """Ask the gateway about every payment and refund that has not ended."""
    done = following.reconcile(wiring.database(), wiring.gateway(), wiring.line, now)
    following.keep(wiring.database(), done, now)
    return asdict(done)


JOBS: dict[str, Callable[[datetime], dict[str, int]]] = {"sweep": sweep, "expire": expire, "reconcile": reconcile}
