"""Send outbox messages to the queue right after the commit: one attempt, which never fails the request."""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy.orm import Session

from shared.kit import log
from shared.kit.database import Database, Piggyback
from shared.outbox.pending import PENDING, PendingMessage
from shared.outbox.queue import QueueUnavailable, Task, TaskQueue

BUDGET_SECONDS = 0.5
QUEUES = {"notifications": "mails", "payments": "payments"}  # all other kinds are a line's offers and deadlines
logger = log.logger(__name__)


def queue_of(kind: str) -> str:
    """Return the queue of a kind (`package.verb`): mails and deadlines do not wait behind payments."""
    return QUEUES.get(kind.partition(".")[0], "offers")


def task_of(message: PendingMessage) -> Task:
    """Return the task of a message; its name differs from those of the message's earlier sends."""
    return Task(
        queue=queue_of(message.kind),
        name=f"{message.id.hex}-{message.generation}",
        path=f"/outbox/{message.id}",
        body=b"{}",
        due_at=message.due_at,
    )


def send(queue: TaskQueue, messages: Sequence[PendingMessage], budget_seconds: float = BUDGET_SECONDS) -> int:
    """Send messages to the queue within the budget; returns how many were enqueued. The sweep sends the rest."""
    until = time.monotonic() + budget_seconds
    for sent, message in enumerate(messages):
        left = until - time.monotonic()
        if left <= 0:
            return sent
        try:
            queue.enqueue(task_of(message), min(left, BUDGET_SECONDS))
        except QueueUnavailable as error:
            logger.warning(
                "queue unavailable, the sweep will send", extra=log.fields(reason=str(error), kind=message.kind)
            )
            return sent
    return len(messages)


class DispatchingDatabase:
    """A database whose transactions send their outbox messages to the queue after the commit."""

    def __init__(self, database: Database, queue: TaskQueue) -> None:
        self._database, self._queue = database, queue

    def reading(self, piggyback: Piggyback | None = None, *, prepared: bool = False) -> AbstractContextManager[Session]:
        return self._database.reading(piggyback, prepared=prepared)

    @contextmanager
    def transaction(self, piggyback: Piggyback | None = None, *, prepared: bool = False) -> Iterator[Session]:
        with self._database.transaction(piggyback, prepared=prepared) as session:
            session.info.pop(PENDING, None)
            yield session
        send(self._queue, session.info.pop(PENDING, []))
