"""Counts SQL statements and the round trips on the wire."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import event
from sqlalchemy.engine import Engine

TERMINATE: Final = b"X\x00\x00\x00\x04"


@dataclass
class Counted:
    statements: list[str] = field(default_factory=list)
    round_trips: int = 0


@contextmanager
def counted(proxy: "CountingProxy | None" = None) -> Iterator[Counted]:
    """Collect SQLAlchemy's statements in the block (of every thread), and the proxy's round trips.

    Statements exclude BEGIN, COMMIT and ROLLBACK; round trips include them. Both are set when the block ends.
    """
    seen = Counted()

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.statements.append(statement)

    before = proxy.count if proxy else 0
    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)
        seen.round_trips = proxy.count - before if proxy else 0


class CountingProxy:
    """A TCP proxy on a free port of 127.0.0.1 that counts round trips and injects network faults.

    A round trip is everything a client sends until the server answers, except Terminate. `delay` postpones each answer
    (seconds, in whole milliseconds); delayed answers overlap, as on a long line. `accepted` counts connections. With
    `socket_folder` it listens on Postgres' Unix socket for port 5432.
    """

    def __init__(self, target_host: str, target_port: int, *, socket_folder: Path | None = None) -> None:
        self.target = target_host, target_port
        self._socket_folder = socket_folder
        self.url_port = 0
        self.count = 0
        self.accepted = 0
        self.delay = 0.0
        self.lost_text = b""
        self.losses = 0
        self.pairs: set[_Pair] = set()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.accept()
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()
        self.cut()
        self._run(self._settle())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def accept(self) -> None:
        """Accept connections (again), always on the same port."""
        self._server = self._run(self._listen())
        if self._socket_folder is None:
            self.url_port = self._server.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """Refuse new connections and keep open ones."""
        if self._server is not None:
            self._call(self._server.close)
            self._server = None

    def cut(self) -> None:
        """Close every open connection at both ends."""
        self._call(lambda: [pair.cut() for pair in list(self.pairs)])

    def lose_answers(self, to: bytes, times: int = 1) -> None:
        """Cut the connection instead of answering a message with this text; the server executes the message."""
        self.lost_text, self.losses = to, times

    async def _listen(self) -> asyncio.Server:
        if self._socket_folder is not None:
            path = str(self._socket_folder / ".s.PGSQL.5432")
            return await self._loop.create_unix_server(lambda: _FromClient(self), path)
        return await self._loop.create_server(lambda: _FromClient(self), "127.0.0.1", self.url_port)

    async def _settle(self) -> None:
        for _ in range(3):  # transports close in later iterations of the loop
            await asyncio.sleep(0)

    def _call(self, what: Callable[[], Any]) -> Any:
        async def call() -> Any:
            return what()

        return self._run(call())

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)


class _Pair:
    """The two ends of one proxied connection."""

    def __init__(self, proxy: CountingProxy, client: asyncio.Transport) -> None:
        self.proxy, self.client = proxy, client
        self.server: asyncio.Transport | None = None
        self.early: list[bytes] = []
        self.client_sent_last = False
        self.loses_answer = False
        proxy.pairs.add(self)

    def from_client(self, data: bytes) -> None:
        if not self.client_sent_last and data != TERMINATE:
            self.proxy.count += 1
        self.client_sent_last = True
        if self.proxy.losses and self.proxy.lost_text in data:
            self.proxy.losses -= 1
            self.loses_answer = True
        if self.server is None:
            self.early.append(data)
        else:
            self.server.write(data)

    def from_server(self, data: bytes) -> None:
        self.client_sent_last = False
        if self.loses_answer:
            self.cut()
        elif self.proxy.delay:
            asyncio.get_running_loop().call_later(self.proxy.delay, self.answer, data)
        else:
            self.answer(data)

    def answer(self, data: bytes) -> None:
        if not self.client.is_closing():
            self.client.write(data)

    def cut(self) -> None:
        self.proxy.pairs.discard(self)
        for end in (self.client, self.server):
            if end is not None:
                end.abort()


class _FromClient(asyncio.Protocol):
    def __init__(self, proxy: CountingProxy) -> None:
        self.proxy = proxy

    def connection_made(self, transport: Any) -> None:
        self.proxy.accepted += 1
        self.pair = _Pair(self.proxy, transport)
        self.connecting = asyncio.get_running_loop().create_task(self.connect())

    async def connect(self) -> None:
        try:
            server, _ = await asyncio.get_running_loop().create_connection(
                lambda: _FromServer(self.pair), *self.proxy.target
            )
        except OSError:
            self.pair.cut()
            return
        self.pair.server = server
        for data in self.pair.early:
            server.write(data)
        if self.pair.client.is_closing():
            self.pair.cut()

    def data_received(self, data: bytes) -> None:
        self.pair.from_client(data)

    def connection_lost(self, _error: Exception | None) -> None:
        self.pair.cut()


class _FromServer(asyncio.Protocol):
    def __init__(self, pair: _Pair) -> None:
        self.pair = pair

    def data_received(self, data: bytes) -> None:
        self.pair.from_server(data)

    def connection_lost(self, _error: Exception | None) -> None:
        self.pair.cut()
