"""A proxy to the database in a process of its own that counts round trips and delays answers.

`python -m tests.bench.line HOST PORT` prints the port it listens on. Each line it reads is a delay in seconds for the
answers from then on (they queue, as on a long line); it prints how many round trips there were until then.
"""

import subprocess
import sys
from typing import Self

from sqlalchemy.engine import make_url

from tests.bench.servers import ROOT
from tests.postgres_server import at_port
from tests.round_trips import CountingProxy


class Line:
    """A line to the database of this URL; `url` is the same database at its other end."""

    def __init__(self, url: str) -> None:
        self._to = make_url(url)
        self._url = url

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.bench.line", str(self._to.host), str(self._to.port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        self.url = at_port(self._url, self._read_number())
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def delay(self, seconds: float) -> int:
        """Delay answers by this many seconds from now on; return the round trips so far."""
        assert self._process.stdin
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        return self._read_number()

    def _read_number(self) -> int:
        assert self._process.stdout
        return int(self._process.stdout.readline())


def main(host: str, port: int) -> None:
    with CountingProxy(host, port) as proxy:
        sys.stdout.write(f"{proxy.url_port}\n")
        sys.stdout.flush()
        for line in sys.stdin:
            proxy.delay = float(line)
            sys.stdout.write(f"{proxy.count}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
