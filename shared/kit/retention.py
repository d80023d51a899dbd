"""How long is kept what nobody needs for ever. Rows about money, appointments or changes are never deleted."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, cast

from sqlalchemy import CursorResult, text
from sqlalchemy.orm import Session

from shared.kit.database import Database

# since they were done: a complaint about a mail is reviewed within a month
OUTBOX_MESSAGES = timedelta(days=30)
# since they were handled: what a gateway sent us, while a payment may be disputed
INBOX_MESSAGES = timedelta(days=90)
ANSWERS = timedelta(hours=24)  # to a request with an Idempotency-Key (docs/product.md#idempotency)
SESSIONS = timedelta(days=90)  # since they ended: who was signed in when something happened
QUOTES = timedelta(days=30)  # since they expired: a customer may dispute the quoted price
RECONCILIATIONS = timedelta(days=90)  # longer than a settlement is disputed

BATCH = 1000  # rows a statement: short enough to block nobody
SECONDS = 60.0  # half of what the schedule function has; the next night goes on
Purge = Callable[[Session, datetime, int], int]


def purge_aged(session: Session, table: str, since: str, before: datetime, limit: int) -> int:
    """Delete up to so many rows of a table whose `since` lies before an instant, the oldest first; returns how many.

    Rows that another transaction has locked are skipped, so that two at once delete different rows.
    """
    old = f"select ctid from {table} where {since} < :before order by {since} limit :limit for update skip locked"
    deleted = text(f"delete from {table} where ctid = any(array({old}))")
    return cast("CursorResult[Any]", session.execute(deleted, {"before": before, "limit": limit})).rowcount


def purge_all(db: Database, rooms: Mapping[str, Purge], now: datetime) -> dict[str, int]:
    """Delete expired rows room by room, in batches, within the time; returns how many rows of each."""
    until = monotonic() + SECONDS
    return {name: _purge_room(db, purge, now, until) for name, purge in rooms.items()}


def _purge_room(db: Database, purge: Purge, now: datetime, until: float) -> int:
    deleted, batch = 0, BATCH
    while batch == BATCH and monotonic() < until:
        with db.transaction() as session:
            batch = purge(session, now, BATCH)
        deleted += batch
    return deleted
