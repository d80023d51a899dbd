"""The compared servers: ours, ours with a queue in another process, and the two peers."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from infra.local.processes import Process, ReservedPort, stop
from tests.bench.servers import DEPLOYED, QUIET, ROOT, Subject, ours, peer, serving_all
from tests.bench.stage import Stage

CREATE, LIST, STATUS, CALLBACK = "create", "list", "status", "callback"
OURS, QUEUED, BARE, GUARDED = "ours", "ours, task handed over", "A", "B"
Addresses = dict[tuple[str, str], str]

UNQUEUED: Final = "tests/bench/unqueued.py"


def _served() -> list[tuple[str, Subject, tuple[str, ...]]]:
    """Return each row's name, its server and the operations it answers; installs the peers where they are not yet.

    The peers store a task and hand nothing over; so do ours, but for the rows named so.
    """
    return [
        (OURS, ours("customer", UNQUEUED), (CREATE, LIST)),
        (OURS, ours("payments", UNQUEUED), (STATUS,)),
        (OURS, ours("callback", UNQUEUED), (CALLBACK,)),
        (QUEUED, ours("customer"), (CREATE,)),
        (BARE, peer("bare"), (CREATE, LIST, STATUS, CALLBACK)),
        (GUARDED, peer("guarded"), (CREATE, LIST, STATUS, CALLBACK)),
    ]


@contextmanager
def sink(log: Path) -> Iterator[str]:
    """Serve a queue that accepts every task at once; yield its URL."""
    port = ReservedPort()
    command = [sys.executable, "-m", "tests.bench.sink", str(port.number)]
    process = Process("sink", command, log, QUIET, folder=ROOT)
    process.start()
    try:
        yield f"http://127.0.0.1:{port.number}"
    finally:
        stop([process])
        port.close()


@contextmanager
def field(stage: Stage, folder: Path, database_of: Callable[[str], str] | None = None) -> Iterator[Addresses]:
    """Serve all of them; yield the URL of each operation of each. `database_of` returns a subject's database."""
    with sink(folder / "sink.log") as tasks:
        environ = stage.environ | DEPLOYED | {"CLOUD_TASKS_URL": tasks}
        rows = _served()
        databases = {name: database_of(name) if database_of else stage.database_url for name, _, _ in rows}
        subjects = [(subject, environ | {"DATABASE_URL": databases[name]}) for name, subject, _ in rows]
        with serving_all(subjects, folder / "servers.log") as urls:
            yield {
                (name, operation): url
                for (name, _, operations), url in zip(rows, urls, strict=True)
                for operation in operations
            }
