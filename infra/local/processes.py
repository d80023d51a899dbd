"""Starts and stops processes together: each in its own process group, with its output in a file."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

PR_SET_PDEATHSIG = 1


class ReservedPort:
    """A free port reserved until `close`: the socket is bound but never listens, so that only our server uses the port.

    Without a reservation, another copy or an outgoing connection may take the port before our server starts.
    """

    def __init__(self) -> None:
        self._holder = socket.socket()
        self._holder.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # servers set it too, and may bind the same port
        self._holder.bind(("127.0.0.1", 0))
        self.number: int = self._holder.getsockname()[1]

    def close(self) -> None:
        self._holder.close()


def is_taken(port: int) -> bool:
    """Tell whether a server listens on a port of this machine."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as servers do: closed connections do not block the port
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def healthy(url: str) -> Callable[[], bool]:
    """Return a function that tells whether `GET /health` at this URL returns 200."""

    def is_healthy() -> bool:
        connection = HTTPConnection(url.removeprefix("http://"), timeout=2)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    return is_healthy


def tie_to_parent() -> None:
    """End this process with its parent, even after a kill -9 of the parent (Linux only)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Process:
    """One program; `is_ready` tells whether it can be used, `folder` is its working folder (default: ours)."""

    name: str
    command: Sequence[str]
    log: Path
    env: Mapping[str, str]
    is_ready: Callable[[], bool] = lambda: True
    folder: Path | None = None
    running: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                list(self.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(self.env),
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C reaches the launcher only, which stops processes in order
                preexec_fn=tie_to_parent,  # noqa: PLW1509 - only a system call
            )

    def died(self) -> bool:
        return self.running is not None and self.running.poll() is not None

    def signal(self, number: int) -> None:
        """Signal the process group, including a server's workers."""
        if self.running is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.running.pid, number)

    def last_words(self, lines: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class StartFailed(Exception):
    """A process ended or timed out before it was ready; the message contains the end of its log."""


def wait_ready(processes: Sequence[Process], seconds: float) -> None:
    """Wait until all processes are ready. Raises StartFailed with the end of one's log."""
    until = time.monotonic() + seconds
    waiting = list(processes)
    while waiting:
        waiting = [process for process in waiting if not process.is_ready()]
        for process in waiting:
            if process.died() or time.monotonic() > until:
                raise StartFailed(f"{process.name} did not start:\n{process.last_words()}")
        time.sleep(0.03 if waiting else 0)


def stop(processes: Sequence[Process], seconds: float = 8.0) -> None:
    """Stop processes in reverse order of start; kill those that do not end in time."""
    for process in reversed(processes):
        process.signal(signal.SIGTERM)
    until = time.monotonic() + seconds
    for process in reversed(processes):
        if process.running is None:
            continue
        try:
            process.running.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            print(f"{process.name} had to be killed", file=sys.stderr)
        process.signal(signal.SIGKILL)  # the rest of its group
        process.running.wait(5)
