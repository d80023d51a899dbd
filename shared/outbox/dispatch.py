"""After the commit: one try to hand what was promised to the queue, never failing the request."""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy.orm import Session

from shared.kit import log
from shared.kit.database import Database, Piggyback
from shared.outbox.promise import PENDING, Promise
from shared.outbox.queue import QueueUnavailable, Task, TaskQueue

BUDGET_SECONDS = 0.5
QUEUES = {"notifications": "mails", "payments": "payments"}  # what is left is a line's own: its offers and deadlines
logger = log.logger(__name__)


def queue_of(kind: str) -> str:
    """Return the queue a kind (`room.verb`) goes to: mails and deadlines do not wait behind payments."""
    return QUEUES.get(kind.partition(".")[0], "offers")


def task_of(promise: Promise) -> Task:
    """Return the task of a promise; its name tells it from the ones sent for the same promise before."""
    return Task(
        queue=queue_of(promise.kind),
        name=f"{promise.id.hex}-{promise.generation}",
        path=f"/outbox/{promise.id}",
        body=b"{}",
        due_at=promise.due_at,
    )


def send(queue: TaskQueue, promises: Sequence[Promise], budget_seconds: float = BUDGET_SECONDS) -> int:
    """Hand promises to the queue within the budget, and return how many it took; the sweep brings the rest."""
    until = time.monotonic() + budget_seconds
    for sent, promise in enumerate(promises):
        left = until - time.monotonic()
        if left <= 0:
            return sent
        try:
            queue.enqueue(task_of(promise), min(left, BUDGET_SECONDS))
        except QueueUnavailable as error:
            logger.warning(
                "queue unavailable, the sweep will send", extra=log.fields(reason=str(error), kind=promise.kind)
            )
            return sent
    return len(promises)


class DispatchingDatabase:
    """A database whose transactions, once committed, hand what they promised to the queue."""

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
