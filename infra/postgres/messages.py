"""Encodes frontend messages of the Postgres wire protocol (extended query, text format) and opens its socket.

https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

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

BEGIN: Final = "begin isolation level read committed"  # the dialect promises this level, whatever the server's default
_NULL: Final[bytes] = i_pack(-1)
_DESCRIBE_UNNAMED_PORTAL: Final[bytes] = _create_message(DESCRIBE, PORTAL + NULL_BYTE)


def query(text: bytes) -> bytes:
    """Encode Query: the simple protocol, for one or several statements without parameters."""
    return bytes(_create_message(QUERY, text + NULL_BYTE))


def execute(sql: bytes, params: Iterable[bytes | None], oids: Sequence[int], name: bytes = b"") -> bytes:
    """Encode Parse, Bind, Describe and Execute; a `name` leaves the statement prepared under it. The caller adds Sync."""
    types = [i_pack(0 if oid == -1 else oid) for oid in oids]
    parse = name + NULL_BYTE + sql + NULL_BYTE + H_pack(len(types)) + b"".join(types)
    # A failed attempt may have left the name in use; closing an unknown name is no error.
    close = _create_message(CLOSE, STATEMENT + name + NULL_BYTE) if name else b""
    parts = close, _create_message(PARSE, parse), _bind(name, params), _DESCRIBE_UNNAMED_PORTAL, EXECUTE_MSG
    return b"".join(parts)


def execute_prepared(name: bytes, params: Iterable[bytes | None]) -> bytes:
    """Encode Bind and Execute for a prepared statement whose columns are cached. The caller adds Sync."""
    return _bind(name, params) + bytes(EXECUTE_MSG)


def _bind(name: bytes, params: Iterable[bytes | None]) -> bytes:
    values = [_NULL if param is None else i_pack(len(param)) + param for param in params]
    parts = NULL_BYTE, name, NULL_BYTE, H_pack(0), H_pack(len(values)), *values, H_pack(0)
    return bytes(_create_message(BIND, b"".join(parts)))


EXECUTE_BEGIN: Final[bytes] = execute(BEGIN.encode(), (), ())


def dial(host: str, port: int, connect_timeout: float, read_timeout: float) -> socket.socket:
    """Connect to a TCP host, or to the Unix socket in a folder; timeouts are seconds. Raises OSError."""
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
        # Nagle's algorithm would hold back the pipeline's second segment until the first is acknowledged.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.settimeout(read_timeout)
    return connection
