"""A minimal client of the Redis protocol (RESP2): sends commands and reads replies."""

import select
import socket
from collections.abc import Sequence
from typing import Any, BinaryIO, Final

_CONNECT_SECONDS: Final = 1.0
_ANSWER_SECONDS: Final = 5.0

Command = list[bytes]


class ErrorReply(str):
    """An error reply of Redis, such as `ERR syntax error`."""

    __slots__ = ()


class RedisDown(Exception):
    """Redis is unreachable or does not reply."""


class RedisConnection:
    """One connection to Redis, opened on first use and reopened after a failure; for one thread."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self._incoming: BinaryIO | None = None

    def execute(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands in one batch and return their replies in order. Raises RedisDown unless all arrive."""
        try:
            connected, incoming = self._open()
            connected.sendall(b"".join(map(_encoded, commands)))
            return [_reply(incoming) for _ in commands]
        except OSError as error:
            self.close()
            raise RedisDown from error

    def close(self) -> None:
        if self._socket is not None and self._incoming is not None:
            self._incoming.close()
            self._socket.close()
        self._socket = self._incoming = None

    def _open(self) -> tuple[socket.socket, BinaryIO]:
        if self._socket is not None and select.select([self._socket], [], [], 0)[0]:
            self.close()  # no command is pending, so readable data means end of file: Redis was restarted
        if self._socket is None or self._incoming is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=_CONNECT_SECONDS)
            self._socket.settimeout(_ANSWER_SECONDS)
            self._incoming = self._socket.makefile("rb")
        return self._socket, self._incoming


def _encoded(command: Command) -> bytes:
    words = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in command)
    return b"*%d\r\n%s" % (len(command), words)


def _reply(incoming: BinaryIO) -> Any:
    """Read one RESP2 reply: bytes, int, None, ErrorReply or a list of those."""
    line = incoming.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionError("Redis closed the connection")
    kind, rest = line[:1], line[1:-2]
    if kind == b"+":
        return rest
    if kind == b"-":
        return ErrorReply(rest.decode(errors="replace"))
    if kind == b":":
        return int(rest)
    if rest == b"-1":
        return None
    if kind == b"*":
        return [_reply(incoming) for _ in range(int(rest))]
    text = incoming.read(int(rest) + 2)
    if len(text) < int(rest) + 2:
        raise ConnectionError("Redis closed the connection")
    return text[:-2]
