"""The port of the task queue that delivers outbox messages; the wiring provides the implementation."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class QueueUnavailable(Exception):
    """The queue did not confirm in time, but may have stored the task. The sweep sends it again."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task of the queue: `body` is posted to `path` of the tasks function.

    `name` is unique per queue for a day (letters, digits, `-`, `_`, 500 at most); a hashed prefix spreads the load.
    `due_at` is timezone-aware and at most 30 days ahead; None means now.
    """

    queue: str
    name: str
    path: str
    body: bytes
    due_at: datetime | None = None


class TaskQueue(Protocol):
    def enqueue(self, task: Task, within: float = 0.5) -> None:
        """Enqueue a task within a timeout in seconds; a name in use counts as success. Raises QueueUnavailable."""
