"""The queue an outbox message leaves by: what the business asks of one, filled in by the wiring."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class QueueUnavailable(Exception):
    """The queue did not confirm in time; it may have the task all the same. The sweep sends again."""


@dataclass(frozen=True, slots=True)
class Task:
    """A message on its way: `body` is posted to `path` of the tasks function.

    `name` is unique per queue for a day (letters, digits, `-`, `_`, 500 at most) and best begins with a hash.
    `due_at` is aware and at most 30 days ahead; None means now.
    """

    queue: str
    name: str
    path: str
    body: bytes
    due_at: datetime | None = None


class TaskQueue(Protocol):
    def enqueue(self, task: Task, within: float = 0.5) -> None:
        """Hand the task over within so many seconds; a name already taken is as good. Raises QueueUnavailable."""
