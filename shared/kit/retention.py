"""How long is kept what nobody needs for ever. What tells of money, of a visit or of a change is never deleted."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, cast

from sqlalchemy import CursorResult, text
from sqlalchemy.orm import Session

from shared.kit.database import Database

PROMISES = timedelta(days=30)  # since they were done: a complaint about a mail is looked into within a month
MESSAGES = timedelta(days=90)  # since they were looked into: what a gateway told us, while a payment may be disputed
ANSWERS = timedelta(hours=24)  # to a request with an Idempotency-Key (PRODUCT, "The API's manners")
SESSIONS = timedelta(days=90)  # since they ended: who was signed in when something happened
QUOTES = timedelta(days=30)  # since they expired: what a customer says they were promised
RECONCILIATIONS = timedelta(days=90)  # longer than a settlement is argued about

BATCH = 1000  # rows a statement: short enough to hold up nobody
SECONDS = 60.0  # half of what the schedule function has; the next night goes on
Forget = Callable[[Session, datetime, int], int]


def forget_aged(session: Session, table: str, since: str, before: datetime, limit: int) -> int:
    """Delete up to so many rows of a table whose `since` lies before an instant, the oldest first; returns how many.

    What another transaction holds is passed over, so that two at once delete different rows.
    """
    old = f"select ctid from {table} where {since} < :before order by {since} limit :limit for update skip locked"
    deleted = text(f"delete from {table} where ctid = any(array({old}))")
    return cast("CursorResult[Any]", session.execute(deleted, {"before": before, "limit": limit})).rowcount


def tidy(db: Database, rooms: Mapping[str, Forget], now: datetime) -> dict[str, int]:
    """Let each room delete what it need not keep, batch by batch, within the time; returns how many rows of each."""
    until = monotonic() + SECONDS
    return {name: _tidy(db, forget, now, until) for name, forget in rooms.items()}


def _tidy(db: Database, forget: Forget, now: datetime, until: float) -> int:
    forgotten, batch = 0, BATCH
    while batch == BATCH and monotonic() < until:
        with db.transaction() as session:
            batch = forget(session, now, BATCH)
        forgotten += batch
    return forgotten
