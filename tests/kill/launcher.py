"""Serves functions, each in a process that is restarted at once when it dies, as the platform does.

`python -m tests.kill.launcher FOLDER payments=PORT tasks=PORT ...`. The parent imports everything once and forks each
server, which saves functions-framework's second of imports. Requests between two processes wait at the socket.
"""

import os
import signal
import socket
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from functions_framework import create_app
from werkzeug.serving import make_server

from functions import wiring
from functions.schedule.jobs import JOBS, job
from functions.tasks.handlers import HANDLERS, handler
from infra.cloud_tasks import CloudTasks
from infra.local.processes import tie_to_parent
from shared.outbox import dispatch
from tests.kill.boundaries import Boundaries, install


def listening(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    made.listen(64)
    return made


def begin(function: str, app: Any, listener: socket.socket, boundaries: Boundaries) -> int:
    pid = os.fork()
    return pid or serve(function, app, listener, boundaries)


def serve(function: str, app: Any, listener: socket.socket, boundaries: Boundaries) -> NoReturn:
    tie_to_parent()
    google = (os.environ["CLOUD_TASKS_URL"], f"http://{os.environ['GCE_METADATA_HOST']}")
    install(boundaries, function, google)
    make_server("127.0.0.1", 0, app, threaded=True, fd=listener.fileno()).serve_forever()
    sys.exit()


def keep(apps: Mapping[str, Any], listeners: Mapping[str, socket.socket], boundaries: Boundaries) -> NoReturn:
    """Keep one process running for each function; restart those that die."""
    living = {begin(name, apps[name], listeners[name], boundaries): name for name in apps}
    while True:
        pid, status = os.wait()
        name = living.pop(pid)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            sys.exit(f"{name} has ended by itself")
        boundaries.died(name)
        living[begin(name, apps[name], listeners[name], boundaries)] = name


def extend_timeouts(seconds: float) -> None:
    """Extend the queue's timeouts: a briefly slow machine must not change the boundaries of a run."""
    dispatch.BUDGET_SECONDS = seconds
    dispatch.send.__defaults__ = (seconds,)
    CloudTasks.__init__.__kwdefaults__["timeout"] = seconds


def load(function: str) -> None:
    """Import everything a function may need, so that a restarted process is as fast as the first."""
    getattr(import_module(f"functions.{function}"), function).app.endpoints()
    for line in wiring.line_names():
        wiring.line(line)
    for kind in HANDLERS:
        handler(kind)
    for name in JOBS:
        job(name)


def main() -> None:
    extend_timeouts(5)
    folder, *wanted = sys.argv[1:]
    ports = dict(one.split("=") for one in wanted)
    apps = {name: create_app(name, "main.py") for name in ports}
    for name in ports:
        load(name)
    keep(apps, {name: listening(int(port)) for name, port in ports.items()}, Boundaries(Path(folder)))


if __name__ == "__main__":
    main()
