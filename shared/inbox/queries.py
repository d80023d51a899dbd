"""The inbox: verified messages, stored once as received, each with the outbox message that handles it."""

from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.kit import retention
from shared.kit.ids import new_id
from shared.kit.retention import purge_aged
from shared.outbox import queries as outbox
from shared.outbox.pending import PendingMessage, send_after_commit

_RECEIVE = text(f"""
with received as (
  insert into inbox (id, source, dedupe_key, body, received_at)
  values (cast(:id as uuid), :source, :dedupe, :body, cast(:now as timestamptz))
  on conflict (source, dedupe_key) do nothing returning id
), messages as (
  select cast(:message as uuid) as id, cast(:kind as text) as kind, jsonb_build_object('inbox_id', id) as payload,
    cast(:now as timestamptz) as due_at
  from received
), {outbox.ENQUEUE_CTE}
select id from received
""")
_READ = text("select source, body from inbox where id = :id")
_PROCESSED = text("""
update inbox set processed_at = :now, outcome = :outcome, named = :named where id = :id and processed_at is null
""")


def receive(session: Session, source: str, body: bytes, kind: str, now: datetime) -> bool:
    """Store a message and enqueue its handling; returns False if an identical message was stored before."""
    message = {"id": new_id(), "source": source, "dedupe": sha256(body).hexdigest(), "body": body}
    pending = PendingMessage(new_id(), kind, 0, now)
    parameters = {**message, "message": pending.id, "kind": kind, "now": now}
    if session.execute(_RECEIVE, parameters).scalar_one_or_none() is None:
        return False
    send_after_commit(session, pending)
    return True


def message(session: Session, message_id: UUID) -> tuple[str, bytes]:
    """Return a message's source and its body as received."""
    source, body = session.execute(_READ, {"id": message_id}).one()
    return source, bytes(body)


def mark_processed(session: Session, message_id: UUID, named: str, outcome: str, now: datetime) -> None:
    """Store the outcome of processing a message and the id it named (empty if it named none)."""
    session.execute(_PROCESSED, {"id": message_id, "named": named, "outcome": outcome, "now": now})


def purge(session: Session, now: datetime, limit: int) -> int:
    """Delete up to `limit` processed messages past their retention; returns how many."""
    return purge_aged(session, "inbox", "processed_at", now - retention.INBOX_MESSAGES, limit)
