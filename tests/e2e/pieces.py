"""Single processes of a running system, taken down and restarted: stopped, so that they refuse, or frozen, so that they
accept connections and never respond."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

from infra.local.functions import functions
from tests.system import System, eventually


def processes() -> dict[int, tuple[int, str]]:
    """Return every living process of this machine: its parent and its command line."""
    wanted = ["ps", "-eww", "-o", "pid=,ppid=,stat=,args="]
    listed = subprocess.run(wanted, check=True, capture_output=True, text=True).stdout
    rows = (line.split(None, 3) for line in listed.splitlines())
    return {int(row[0]): (int(row[1]), row[3]) for row in rows if len(row) == 4 and not row[2].startswith("Z")}


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it, parents first."""
    known, everybody = [pid], processes()
    for parent in known:
        known += [child for child, (its_parent, _) in everybody.items() if its_parent == parent]
    return known


class Pieces:
    """The pieces of one system, by the names `make dev` gives them."""

    def __init__(self, system: System) -> None:
        self.system = system

    def pid(self, name: str) -> int:
        """Return the pid of the process `make dev` started for a piece, found by the port in its arguments."""
        port = urlsplit(self.system.urls[name]).port
        names_port = re.compile(rf" --port {port}\b| 127\.0\.0\.1:{port}$")  # the second form is Redis's process title
        started = {pid: args for pid, (parent, args) in processes().items() if parent == self.system.process.pid}
        [found] = [pid for pid, args in started.items() if names_port.search(args)]
        return found

    def functions(self) -> dict[str, list[int]]:
        """Return the processes of every function, its worker too."""
        return {one.name: family(self.pid(one.name)) for one in functions()}

    @contextmanager
    def stopped(self, *names: str) -> Iterator[None]:
        """Stop pieces until the block ends, so that connections are refused; `make dev` restarts them afterwards."""
        pids = [self.pid(name) for name in names]
        self.system.process.send_signal(signal.SIGSTOP)  # otherwise `make dev` restarts them within half a second
        try:
            for pid in pids:
                os.kill(pid, signal.SIGTERM)
            eventually(lambda: not any(map(self.listens, names)))
            yield
        finally:
            self.system.process.send_signal(signal.SIGCONT)
            eventually(lambda: all(map(self.listens, names)), 30)

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Pause a piece: connections to it open, and no response comes."""
        pids = family(self.pid(name))
        try:
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def restart(self, name: str) -> None:
        """Kill a piece and return at once; it is restarted."""
        os.kill(self.pid(name), signal.SIGTERM)

    def cold(self, name: str) -> None:
        """Restart a function and wait until it responds; its in-memory caches are gone."""
        before = self.pid(name)
        os.kill(before, signal.SIGTERM)
        eventually(lambda: before not in processes())
        eventually(lambda: self.listens(name), 30)

    def listens(self, name: str) -> bool:
        with closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", urlsplit(self.system.urls[name]).port)) == 0
