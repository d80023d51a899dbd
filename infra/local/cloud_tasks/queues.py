"""The queues of functions.yaml and their retry backoff."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from infra.local.cloud_tasks.wire import seconds


@dataclass(frozen=True)
class Queue:
    """A queue of functions.yaml; the defaults are gcloud's."""

    name: str
    max_dispatches_per_second: float = 500
    max_concurrent_dispatches: int = 1000
    max_attempts: int = 100
    min_backoff: str = "0.1s"
    max_backoff: str = "3600s"
    max_doublings: int = 16

    def backoff(self, failures: int) -> float:
        """Return seconds until the next attempt: doubled `max_doublings` times, then growing linearly, up to a limit."""
        doublings = min(failures - 1, self.max_doublings)
        steps = max(failures - self.max_doublings, 1)
        return float(min(seconds(self.min_backoff) * 2**doublings * steps, seconds(self.max_backoff)))


def read_queues(path: Path) -> dict[str, Queue]:
    """Return the queues of a functions.yaml by name."""
    declared = yaml.safe_load(path.read_text())["queues"]
    return {name: Queue(name, **settings) for name, settings in declared.items()}
