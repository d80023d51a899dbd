"""A queue that takes every task at once: what is measured is who asks it, not a stand-in that shares the processor."""

import asyncio
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import Self

TAKEN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Taker:
    """Serves on a free port of 127.0.0.1 for the length of a `with`; `url` stands for Cloud Tasks, which keeps nothing."""

    def __enter__(self) -> Self:
        self._address: Future[str] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        self.url = self._address.result(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self._address.set_result(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await self._ended.wait()
        server.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(
            asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError
        ):  # who asks has left, or we do
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                _, _, rest = head.partition(b"content-length:")
                await reader.readexactly(int(rest.partition(b"\r\n")[0] or 0))
                writer.write(TAKEN)
        writer.close()
