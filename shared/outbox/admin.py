"""Admins list unfinished outbox messages, and retry a dead one once its cause is fixed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.kit.base import for_update
from shared.kit.errors import NotFound, Refusal
from shared.kit.paging import Position, after, page_of
from shared.outbox.models import OutboxMessage
from shared.outbox.pending import PendingMessage, send_after_commit
from shared.outbox.queries import GRACE
from shared.outbox.schemas import TasksQuery


class TaskNotFound(NotFound):
    code = "task_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such task.")


class NotDead(Refusal):
    code, title = "not_dead", "Not dead"

    def __init__(self) -> None:
        super().__init__("Only a dead task can be sent again by hand: this one is done, or is still being retried.")


def list_tasks(session: Session, wanted: TasksQuery) -> tuple[list[OutboxMessage], str | None]:
    """Return a page of the dead or the waiting messages, the newest first, in one statement."""
    is_dead = OutboxMessage.dead_at.is_not(None)
    alive = OutboxMessage.done_at.is_(None) & OutboxMessage.dead_at.is_(None)
    rows = session.scalars(
        select(OutboxMessage)
        .where(is_dead if wanted.state == "dead" else alive)
        .where(*after(wanted, OutboxMessage.created_at, OutboxMessage.id))
        .order_by(OutboxMessage.created_at.desc(), OutboxMessage.id.desc())
        .limit(wanted.limit + 1)
    ).all()
    return page_of(rows, wanted.limit, lambda row: Position(row.created_at, row.id))


def retry(session: Session, message_id: UUID, now: datetime) -> OutboxMessage:
    """Revive a dead message: it is sent after the commit, then by the sweep as often as a new one.

    Raises TaskNotFound, NotDead.
    """
    message = _locked(session, message_id)
    if message is None:
        raise TaskNotFound
    if message.dead_at is None:
        raise NotDead
    message.generation += 1
    message.counted_from, message.dead_at, message.next_try_at = message.generation, None, now + GRACE
    send_after_commit(session, PendingMessage(message.id, message.kind, message.generation, message.due_at))
    session.flush()
    return message


def _locked(session: Session, message_id: UUID) -> OutboxMessage | None:
    statement = select(OutboxMessage).where(OutboxMessage.id == message_id)
    message: OutboxMessage | None = session.scalars(for_update(statement)).one_or_none()
    return message
