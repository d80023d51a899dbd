"""A dead task is sent again because a person has mended what it died of."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from shared.kit.errors import NotFound, Refusal
from shared.outbox import queries
from shared.outbox.models import OutboxMessage
from shared.outbox.queries import GRACE, Promise


class TaskNotFound(NotFound):
    code = "task_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such task.")


class NotDead(Refusal):
    code, title = "not_dead", "Not dead"

    def __init__(self) -> None:
        super().__init__("Only a dead task is sent again by hand: this one is done, or is still being tried.")


def retry(session: Session, message_id: UUID, now: datetime) -> OutboxMessage:
    """Bring a dead message back: sent after the commit, and by the sweep as often as a new one.

    Raises TaskNotFound, NotDead.
    """
    message = queries.locked(session, message_id)
    if message is None:
        raise TaskNotFound
    if message.dead_at is None:
        raise NotDead
    message.generation += 1
    message.counted_from, message.dead_at, message.next_try_at = message.generation, None, now + GRACE
    queries.promised(session, Promise(message.id, message.kind, message.generation, message.due_at))
    session.flush()
    return message
