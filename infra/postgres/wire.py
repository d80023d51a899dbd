"""What is said to the server: the messages of one statement, in the extended protocol and all values as text."""

import socket
from collections.abc import Iterable, Sequence
from typing import Final

from pg8000.core import (
    BIND,
    CLOSE,
    DESCRIBE,
    EXECUTE_MSG,
    NULL_BYTE,
    PARSE,
    PORTAL,
    QUERY,
    STATEMENT,
    H_pack,
    _create_message,
    i_pack,
)

BEGIN: Final = "begin isolation level read committed"  # what the dialect promises, whatever the server's default is
_NULL: Final[bytes] = i_pack(-1)
_DESCRIBE_UNNAMED_PORTAL: Final[bytes] = _create_message(DESCRIBE, PORTAL + NULL_BYTE)


def query(text: bytes) -> bytes:
    """Return what runs statements without parameters."""
    return bytes(_create_message(QUERY, text + NULL_BYTE))


def run(statement: bytes, params: Iterable[bytes | None], oids: Sequence[int], name: bytes = b"") -> bytes:
    """Return what runs a statement in the unnamed portal and, where it is given a name, leaves it known by that."""
    types = [i_pack(0 if oid == -1 else oid) for oid in oids]
    parse = name + NULL_BYTE + statement + NULL_BYTE + H_pack(len(types)) + b"".join(types)
    # A try that failed may have left the name; to close what is not there is no error.
    closed = _create_message(CLOSE, STATEMENT + name + NULL_BYTE) if name else b""
    parts = closed, _create_message(PARSE, parse), _bind(name, params), _DESCRIBE_UNNAMED_PORTAL, EXECUTE_MSG
    return b"".join(parts)


def run_known(name: bytes, params: Iterable[bytes | None]) -> bytes:
    """Return what runs a statement the server knows by name, whose columns are known here."""
    return _bind(name, params) + bytes(EXECUTE_MSG)


def _bind(name: bytes, params: Iterable[bytes | None]) -> bytes:
    values = [_NULL if param is None else i_pack(len(param)) + param for param in params]
    parts = NULL_BYTE, name, NULL_BYTE, H_pack(0), H_pack(len(values)), *values, H_pack(0)
    return bytes(_create_message(BIND, b"".join(parts)))


RUN_BEGIN: Final[bytes] = run(BEGIN.encode(), (), ())


def dial(host: str, port: int, connect_timeout: float, read_timeout: float) -> socket.socket:
    """Connect to a host, or to the Unix socket in a folder; raises OSError."""
    if host.startswith("/"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(connect_timeout)
        try:
            connection.connect(f"{host}/.s.PGSQL.{port}")
        except OSError:
            connection.close()
            raise
    else:
        connection = socket.create_connection((host, port), connect_timeout)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # A burst of more than one segment must not wait for the delayed acknowledgement of its first.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.settimeout(read_timeout)
    return connection
