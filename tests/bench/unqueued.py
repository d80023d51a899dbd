"""Our functions with a queue that takes every task in the process: what they do but for handing over a task."""

from functions import wiring
from main import __getattr__  # noqa: F401 - the targets
from shared.outbox.queue import Task


class _Taken:
    def enqueue(self, task: Task, within: float = 0.5) -> None: ...


wiring.queue = _Taken  # type: ignore[assignment]
