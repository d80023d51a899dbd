"""The outbox: messages written in the transaction of their cause, leased to one worker at a time, completed once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.kit import retention
from shared.kit.ids import new_id
from shared.kit.retention import purge_aged
from shared.outbox.models import OutboxMessage
from shared.outbox.pending import PendingMessage, send_after_commit

LEASE = timedelta(seconds=90)  # longer than a handler may take
GRACE = timedelta(seconds=60)  # before the sweep's first send: time for the send after the commit and for the queue
SWEEP_BACKOFF_MINUTES = (1, 2, 5, 10, 30, 60)
# The sweep's sends before a message is dead, a day after it was due. That outlasts an outage of a vendor or a failed
# release, and an admin learns of the failure while the message still matters.
SENDS = len(SWEEP_BACKOFF_MINUTES) + (24 * 60 - sum(SWEEP_BACKOFF_MINUTES)) // SWEEP_BACKOFF_MINUTES[-1]


def enqueue(
    session: Session, kind: str, payload: dict[str, Any], now: datetime, due_at: datetime | None = None
) -> None:
    """Write a message in the transaction of its cause; it is sent right after the commit, to run at `due_at` or now."""
    due = due_at or now
    message = OutboxMessage(
        id=new_id(), kind=kind, payload=payload, created_at=now, due_at=due, next_try_at=due + GRACE
    )
    session.add(message)
    send_after_commit(session, PendingMessage(message.id, kind, 0, due))


# `enqueue` as a CTE for a larger statement, in which `messages` is a CTE of (id, kind, payload, due_at).
ENQUEUE_CTE = f"""
enqueued as (
  insert into outbox (id, kind, payload, created_at, due_at, next_try_at)
  select id, kind, payload, cast(:now as timestamptz), due_at, due_at + interval '{GRACE.total_seconds()} seconds'
  from messages
)
"""
_LEASE = text("""
update outbox set leased_until = :until
where id = :id and done_at is null and (leased_until is null or leased_until < :now)
returning kind, payload
""")
# Also clears `dead_at`: a late task may complete a dead message.
_DONE = text("""
update outbox set done_at = :now, leased_until = null, last_error = null, dead_at = null
where id = :id and done_at is null
""")
_FAILED = text("update outbox set leased_until = null, failures = failures + 1, last_error = :error where id = :id")
_IS_DONE = text("select done_at is not null from outbox where id = :id")


def lease(session: Session, message_id: UUID, now: datetime) -> tuple[str, dict[str, Any]] | None:
    """Lease a message for LEASE and return its kind and payload; None if it is done, leased or does not exist."""
    row = session.execute(_LEASE, {"id": message_id, "now": now, "until": now + LEASE}).one_or_none()
    return (row[0], row[1]) if row else None


def is_done(session: Session, message_id: UUID) -> bool:
    """Return whether a message is done or does not exist."""
    return session.execute(_IS_DONE, {"id": message_id}).scalar() is not False


def mark_done(session: Session, message_id: UUID, now: datetime) -> None:
    session.execute(_DONE, {"id": message_id, "now": now})


def mark_failed(session: Session, message_id: UUID, error: str) -> None:
    """Release a message after an error, so that the queue or the sweep delivers it again."""
    session.execute(_FAILED, {"id": message_id, "error": error})


_OVERDUE = text("""
with due as (
  select id, generation + 1 - counted_from as sends from outbox
  where done_at is null and dead_at is null and next_try_at <= :now
  order by next_try_at limit :limit for update skip locked
)
update outbox o set
  dead_at = case when sends > cast(:most as int) then cast(:now as timestamptz) end,
  generation = o.generation + case when sends > cast(:most as int) then 0 else 1 end,
  next_try_at = cast(:now as timestamptz)
    + make_interval(mins => (cast(:backoff as int[]))[least(sends, cast(:steps as int))])
from due where o.id = due.id
returning o.id, o.kind, o.generation, o.due_at, o.dead_at is not null
""")


@dataclass(frozen=True)
class Overdue:
    """The claimed messages: those to send again, and those that are now dead."""

    waiting: list[PendingMessage]
    dead: list[PendingMessage]


def overdue(session: Session, now: datetime, limit: int) -> Overdue:
    """Lock the overdue messages and return those to send again, under new task names, and those that are now dead.

    Each send schedules the next by SWEEP_BACKOFF_MINUTES; after SENDS sends a message is dead.
    """
    backoff = {"backoff": list(SWEEP_BACKOFF_MINUTES), "steps": len(SWEEP_BACKOFF_MINUTES), "most": SENDS}
    found = Overdue([], [])
    for *message, is_dead in session.execute(_OVERDUE, {"now": now, "limit": limit, **backoff}):
        (found.dead if is_dead else found.waiting).append(PendingMessage(*message))
    return found


def purge(session: Session, now: datetime, limit: int) -> int:
    """Delete up to `limit` done messages past their retention; returns how many."""
    return purge_aged(session, "outbox", "done_at", now - retention.OUTBOX_MESSAGES, limit)
