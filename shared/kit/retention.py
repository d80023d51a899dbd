"""Retention periods of temporary rows, and their deletion. Rows of money, appointments or changes are never deleted."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, cast

from sqlalchemy import CursorResult, text
from sqlalchemy.orm import Session

from shared.kit.database import Database
from shared.kit.each import run_each

# after they were done: a complaint about a mail is reviewed within a month
OUTBOX_MESSAGES = timedelta(days=30)
# after they were processed: evidence while a payment may be disputed
INBOX_MESSAGES = timedelta(days=90)
ANSWERS = timedelta(hours=24)  # responses stored per Idempotency-Key (docs/product.md#idempotency)
SESSIONS = timedelta(days=90)  # after they ended: evidence of sign-ins for an investigation
QUOTES = timedelta(days=30)  # after they expired: a customer may dispute the quoted price
RECONCILIATIONS = timedelta(days=90)  # longer than a settlement is disputed

BATCH = 1000  # rows per statement: its locks are short
SECONDS = 60.0  # half of the schedule function's timeout; the next night continues
Purge = Callable[[Session, datetime, int], int]


def purge_aged(session: Session, table: str, since: str, before: datetime, limit: int) -> int:
    """Delete up to `limit` rows of a table whose column `since` is before an instant, oldest first; returns how many.

    Rows locked by another transaction are skipped, so that concurrent purges delete different rows.
    """
    old = f"select ctid from {table} where {since} < :before order by {since} limit :limit for update skip locked"
    deleted = text(f"delete from {table} where ctid = any(array({old}))")
    return cast("CursorResult[Any]", session.execute(deleted, {"before": before, "limit": limit})).rowcount


def purge_all(db: Database, purges: Mapping[str, Purge], now: datetime) -> dict[str, int]:
    """Delete expired rows by each purge, in batches, for at most SECONDS; returns the deleted rows by its name."""
    until = monotonic() + SECONDS
    return run_each(purges, lambda name: _purge_in_batches(db, purges[name], now, until))


def _purge_in_batches(db: Database, purge: Purge, now: datetime, until: float) -> int:
    deleted, batch = 0, BATCH
    while batch == BATCH and monotonic() < until:
        with db.transaction() as session:
            batch = purge(session, now, BATCH)
        deleted += batch
    return deleted
