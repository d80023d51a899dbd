"""pg8000's connection with fewer round trips, a timeout on every wait, and one second try.

The plain driver waits three times for each statement (Parse, Describe, Execute), for COMMIT and ROLLBACK too, and once
for BEGIN. Here whatever belongs to one statement leaves in one burst and is answered once; BEGIN rides in front of the
transaction's first statement. That one burst also makes AUTOCOMMIT right behind a pooler in transaction mode: with a
single Sync there is no moment at which the pooler could give the server to somebody else.

It builds on private parts of pg8000 (`pg8000.core`, pinned in requirements.txt); the tests hold it against the plain
driver, results and errors alike. One visible difference: a syntax error in a transaction's first statement, when that
has no parameters, is found before BEGIN has run, so nothing is left to roll back.
"""

import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from pg8000.converters import make_params
from pg8000.core import (
    BIND,
    CLOSE,
    DESCRIBE,
    EXECUTE_MSG,
    IDLE,
    IN_FAILED_TRANSACTION,
    NULL_BYTE,
    PARSE,
    PORTAL,
    QUERY,
    STATEMENT,
    SYNC_MSG,
    TERMINATE_MSG,
    Context,
    H_pack,
    _create_message,
    i_pack,
)
from pg8000.exceptions import DatabaseError
from pg8000.legacy import InterfaceError

from infra.postgres.named import Named, Names, NoNames, has_forgotten
from infra.postgres.reading import ReadingConnection

_PLAIN_BEGIN: Final = "begin transaction"  # what pg8000's cursor sends before a transaction's first statement
_BEGIN: Final = "begin isolation level read committed"  # what the dialect promises, whatever the server's default is
_NULL: Final[bytes] = i_pack(-1)
Dial = Callable[[float, float], socket.socket]  # seconds for reaching the host, and for each wait after that


class ConnectionLost(InterfaceError):  # type: ignore[misc] # pg8000 is not typed
    """The server was not reached or went away. What was begun did not happen; an unanswered COMMIT may have."""


class AnswerTimedOut(ConnectionLost):
    """The server took longer than the read timeout; it may still be at work, so nothing is tried a second time."""


class Connection(ReadingConnection):
    """A DB-API connection whose every statement is one round trip, for one thread at a time.

    When the connection turns out to be dead at the first statement of a transaction, or at a statement in autocommit,
    it is made anew and the statement is run again, once: nothing was committed, provided that autocommit is used for
    reads only. In the middle of a transaction it raises `ConnectionLost`, and goes on doing so until `rollback`.
    A pool may keep a lost connection: it connects again with its next first statement.

    `host` may be the folder of a Unix socket. `connect_timeout` and `read_timeout` are seconds, for reaching the host
    and for each wait after that; further arguments are those of `pg8000.connect`. `dial` makes the socket where that is
    not the host's own business, and raises OSError.
    """

    autocommit = False
    _sock = _usock = None
    _closed = False

    def __init__(
        self,
        *,
        host: str,
        port: int = 5432,
        connect_timeout: float = 3.0,
        read_timeout: float = 10.0,
        dial: Dial | None = None,
        **arguments: Any,
    ) -> None:
        self._host, self._port = host, port
        self._dial = dial or partial(_dial, host, port)
        self._timeouts = connect_timeout, read_timeout
        self._arguments = {"ssl_context": False, **arguments}
        self._connect()

    def _connect(self) -> None:
        connection, self._names = None, Names()
        try:
            connection = self._dial(*self._timeouts)
            super().__init__(host=self._host, sock=connection, **self._arguments)
        except BaseException as error:
            if connection is not None:
                connection.close()
            if _is_network(error):
                raise ConnectionLost(f"no connection to {self._host}:{self._port}") from error
            raise
        finally:
            self._closed = False  # pg8000 closes what it could not open

    def _reconnect(self) -> None:
        kept = {name: self.__dict__[name] for name in ("autocommit", "py_types", "pg_types")}
        try:
            self._connect()
        finally:
            self.__dict__.update(kept)

    def execute_simple(self, statement: str) -> Context:
        """Run what has no parameters, several statements perhaps."""
        if statement == _PLAIN_BEGIN and not self.autocommit:
            return Context(statement)
        # In front of it in the same message: a BEGIN that fails takes the statement with it.
        riding = f"{_BEGIN};" if self._begins else ""
        return self._converse(lambda: (Context(statement), self._query(riding + statement)))

    def execute_unnamed(
        self, statement: str, vals: Sequence[Any] = (), oids: Sequence[int] = (), stream: Any = None
    ) -> Context:
        """Run one statement with parameters; a stream is what COPY reads or writes."""
        params = make_params(self.py_types, vals)
        if stream is not None:
            return self._converse(lambda: (Context(statement, stream=stream), self._extended(statement, params, oids)))
        first = not self._in_transaction
        try:
            return self._run(statement, params, oids)
        except DatabaseError as error:
            if not has_forgotten(error.args[0]):
                raise
            self._names = NoNames()
            if not first:
                raise
        self.rollback()  # the BEGIN that rode in front
        return self._run(statement, params, oids)

    def _run(self, statement: str, params: Sequence[str | None], oids: Sequence[int]) -> Context:
        named: Named | None = None

        def say() -> tuple[Context, bytes]:
            nonlocal named  # another one, where the connection is made anew
            named = self._names.meet(statement, oids)
            if named is not None and named.is_known:
                return named.context(statement), self._by_name(named.name, params)
            return Context(statement), self._extended(statement, params, oids, named.name if named else b"")

        answered = self._converse(say)
        if named is not None and not named.is_known:
            named.learn(answered)
        return answered

    def commit(self) -> None:
        """Commit what was begun; costs nothing when nothing was."""
        if self._in_transaction:
            self._exchange(Context("commit"), self._query("commit"))

    def rollback(self) -> None:
        """Roll back what was begun; costs nothing when nothing was, or when it went down with the connection."""
        if self._in_transaction and self._usock is not None:
            with suppress(ConnectionLost):
                self._exchange(Context("rollback"), self._query("rollback"))
        if self._usock is None:
            self._transaction_status = IDLE

    def close(self) -> None:
        """End the connection; again does nothing."""
        if self._usock is not None:
            with suppress(OSError):
                self._usock.sendall(TERMINATE_MSG)
        self._hang_up()
        self._closed = True

    @property
    def _begins(self) -> bool:
        return not self.autocommit and not self._in_transaction

    def _converse(self, say: Callable[[], tuple[Context, bytes]]) -> Context:
        first = not self._in_transaction
        context, burst = say()
        try:
            return self._exchange(context, burst)
        except AnswerTimedOut:
            raise
        except ConnectionLost:
            if not first or self._closed or context.stream is not None:
                raise
        self._reconnect()
        return self._exchange(*say())

    def _exchange(self, context: Context, burst: bytes) -> Context:
        if self._usock is None:
            self._hang_up()
            raise ConnectionLost("the connection is closed")
        try:
            self._usock.sendall(burst)
            self.handle_messages(context)
        except BaseException as error:
            if error is context.error:
                raise
            # Broken off half way, by whatever: answers nobody has read must never meet another statement.
            self._hang_up()
            if _is_timeout(error):
                raise AnswerTimedOut(f"no answer within {self._timeouts[1]} s") from error
            if _is_network(error):
                raise ConnectionLost("the server went away") from (context.error or error)
            raise
        return context

    def _hang_up(self) -> None:
        """Drop the socket; a transaction stays failed until it is rolled back, as on the server."""
        for end in (self._sock, self._usock):
            if end is not None:
                with suppress(OSError):
                    end.close()
        self._sock = self._usock = None
        self._transaction_status = IDLE if self.autocommit else IN_FAILED_TRANSACTION

    def _query(self, statement: str) -> bytes:
        return bytes(_create_message(QUERY, self._text(statement) + NULL_BYTE))

    def _extended(self, statement: str, params: Iterable[str | None], oids: Sequence[int], name: bytes = b"") -> bytes:
        """Return what runs a statement and, where it is given a name, leaves it known by that."""
        types = [i_pack(0 if oid == -1 else oid) for oid in oids]
        parse = name + NULL_BYTE + self._text(statement) + NULL_BYTE + H_pack(len(types)) + b"".join(types)
        # A try that failed may have left the name; to close what is not there is no error.
        closed = _create_message(CLOSE, STATEMENT + name + NULL_BYTE) if name else b""
        bound = self._bind(name, params) + _DESCRIBE_UNNAMED_PORTAL
        return b"".join((self._riding, closed, _create_message(PARSE, parse), bound, EXECUTE_MSG, SYNC_MSG))

    def _by_name(self, name: bytes, params: Iterable[str | None]) -> bytes:
        """Return what runs a statement the server knows, whose columns are known here."""
        return b"".join((self._riding, self._bind(name, params), EXECUTE_MSG, SYNC_MSG))

    def _bind(self, name: bytes, params: Iterable[str | None]) -> bytes:
        """Bind a statement in the unnamed portal, all values as text."""
        values = [_NULL if param is None else _counted(self._text(param)) for param in params]
        bind = NULL_BYTE + name + NULL_BYTE + H_pack(0) + H_pack(len(values)) + b"".join(values) + H_pack(0)
        return bytes(_create_message(BIND, bind))

    @property
    def _riding(self) -> bytes:
        return _BEGIN_BURST if self._begins else b""

    def _text(self, text: str) -> bytes:
        return text.encode(self._client_encoding)


_DESCRIBE_UNNAMED_PORTAL: Final[bytes] = _create_message(DESCRIBE, PORTAL + NULL_BYTE)
_BEGIN_BURST: Final[bytes] = b"".join(
    (
        _create_message(PARSE, NULL_BYTE + _BEGIN.encode() + NULL_BYTE + H_pack(0)),
        _create_message(BIND, NULL_BYTE + NULL_BYTE + 3 * H_pack(0)),
        EXECUTE_MSG,
    )
)


def _counted(value: bytes) -> bytes:
    return bytes(i_pack(len(value))) + value


def _dial(host: str, port: int, connect_timeout: float, read_timeout: float) -> socket.socket:
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


def _is_network(error: BaseException) -> bool:
    """Tell whether the wire failed: pg8000 lets some of its errors through and wraps others."""
    return isinstance(error, OSError) or (isinstance(error, InterfaceError) and error.args == ("network error",))


def _is_timeout(error: BaseException) -> bool:
    """Tell whether our own patience ended; what the system reports as timed out (ETIMEDOUT) is a dead peer."""
    cause = error if isinstance(error, OSError) else error.__cause__
    return isinstance(cause, TimeoutError) and cause.errno is None
