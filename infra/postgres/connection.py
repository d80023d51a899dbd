"""A pg8000 connection that pipelines messages, bounds every wait and reconnects once; README.md draws the messages.

pg8000 waits for the server after Parse, after Describe and after Execute: three round trips per statement. `Connection`
sends all messages of a statement with one Sync and waits once. BEGIN joins the pipeline of a transaction's first
statement. One Sync also makes autocommit safe behind a pooler in transaction mode, which may hand the server connection
to another client after each ReadyForQuery.

The code overrides private parts of `pg8000.core`, so requirements.txt pins the version, and the parity tests compare
results and errors with plain pg8000. One difference remains: the server rejects a Query message with a syntax error
before it runs BEGIN, so such a first statement leaves no transaction open.
"""

import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple

from pg8000.converters import make_params
from pg8000.core import IDLE, IN_FAILED_TRANSACTION, SYNC_MSG, TERMINATE_MSG, Context
from pg8000.exceptions import DatabaseError
from pg8000.legacy import InterfaceError

from infra.postgres import messages
from infra.postgres.prepared import NoPreparedStatements, PreparedStatement, PreparedStatements, is_stale_statement
from infra.postgres.responses import PipelineReader

_CURSOR_BEGIN: Final = "begin transaction"  # pg8000's cursor sends it before a transaction's first statement
_UNPREPARED: Final = NoPreparedStatements()
OnRows = Callable[[Sequence[Sequence[Any]]], None]
Dial = Callable[[float, float], socket.socket]  # seconds to connect, and seconds for each later wait


class ConnectionLost(InterfaceError):  # type: ignore[misc] # pg8000 is not typed
    """The server is unreachable or closed the connection; the open transaction is rolled back.

    A COMMIT that got no response may have been applied.
    """


class AnswerTimedOut(ConnectionLost):
    """The server exceeded the read timeout; the statement may still be running, so it is not retried."""


class _Statement(NamedTuple):
    """SQL with its parameters encoded as text."""

    sql: str
    params: Sequence[bytes | None]
    oids: Sequence[int] = ()


class _Prepended(NamedTuple):
    """A statement that runs in front of the next one, and the callback for its rows."""

    statement: _Statement
    on_rows: OnRows


class _Pipeline(NamedTuple):
    """Messages up to one Sync, with a context for each statement's response; `prepared` covers the last statements."""

    contexts: list[Context]
    messages: bytes
    prepared: Sequence[PreparedStatement | None] = ()


class Connection(PipelineReader):
    """A DB-API connection that runs every statement in one round trip; one thread at a time may use it.

    If the connection is dead at a transaction's first statement, or at a statement in autocommit, it reconnects and
    runs the statement once more. Autocommit is for reads only, because the retry would repeat a write. A connection lost
    later in a transaction raises `ConnectionLost` until `rollback`. A pool may keep a lost connection.

    `host` may be the folder of a Unix socket. `connect_timeout` and `read_timeout` are seconds. `dial` replaces the
    default way to open the socket and raises OSError. Further arguments are those of `pg8000.connect`.
    """

    autocommit = False
    use_prepared = True  # prepare each statement that runs a second time (`infra.postgres.prepared`)
    _sock = _usock = None
    _closed = False
    _prepended: _Prepended | None = None

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
        self._dial = dial or partial(messages.dial, host, port)
        self._timeouts = connect_timeout, read_timeout
        self._arguments = {"ssl_context": False, **arguments}
        self._connect()

    def _connect(self) -> None:
        connection, self._prepared = None, PreparedStatements()
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
            self._closed = False  # pg8000 calls `close` when the handshake fails

    def _reconnect(self) -> None:
        kept = {name: self.__dict__[name] for name in ("autocommit", "py_types", "pg_types")}
        try:
            self._connect()
        finally:
            self.__dict__.update(kept)

    def prepend(self, sql: str, params: Sequence[Any], on_rows: OnRows) -> None:
        """Run a statement (parameters `$1`, `$2`) in front of the next one, in the same pipeline.

        `on_rows` receives its rows before the next statement's result is returned, and may raise instead. The server
        runs two statements, so the second sees rows that were committed while the first waited for a lock.
        """
        self._prepended = _Prepended(self._encoded(sql, params), on_rows)

    @property
    def has_prepended(self) -> bool:
        """Tell whether no statement has run since `prepend`."""
        return self._prepended is not None

    def execute_simple(self, statement: str) -> Context:
        """Run one or several statements without parameters, by the simple query protocol."""
        if statement == _CURSOR_BEGIN and not self.autocommit:
            return Context(statement)
        if self._prepended is not None:
            self._execute()
        # One Query message: if BEGIN fails, the server skips the statement.
        sql = f"{messages.BEGIN};{statement}" if self._needs_begin else statement
        return self._send(lambda: _Pipeline([Context(statement)], messages.query(self._encode(sql)))).contexts[0]

    def execute_unnamed(
        self, statement: str, vals: Sequence[Any] = (), oids: Sequence[int] = (), stream: Any = None
    ) -> Context:
        """Run one statement with parameters; COPY reads from or writes to `stream`."""
        encoded = self._encoded(statement, vals, oids)
        if stream is None:
            return self._execute(encoded)
        if self._prepended is not None:
            self._execute()
        parts = [(Context(statement, stream=stream), self._execute_messages(encoded))]
        return self._send(lambda: self._pipeline(parts)).contexts[-1]

    def _execute(self, *statements: _Statement) -> Context:
        """Run the prepended statement and then `statements`; if the server lost a prepared one, run them all again."""
        prepended, self._prepended = self._prepended, None
        pipelined = (prepended.statement, *statements) if prepended else statements
        is_first = not self._in_transaction
        try:
            contexts = self._execute_pipelined(pipelined)
        except DatabaseError as error:
            if not is_stale_statement(error.args[0]):
                raise
            self._prepared = _UNPREPARED
            if not is_first:
                raise
            self.rollback()  # of the pipelined BEGIN
            contexts = self._execute_pipelined(pipelined)
        if prepended:
            prepended.on_rows(contexts[0].rows)
        return contexts[-1]

    def _execute_pipelined(self, statements: Sequence[_Statement]) -> list[Context]:
        def build() -> _Pipeline:  # again after a reconnect, which empties the prepared statements
            cache = self._prepared if self.use_prepared else _UNPREPARED
            prepared = [cache.lookup(statement.sql, statement.oids) for statement in statements]
            parts = [self._part(*pair) for pair in zip(statements, prepared, strict=True)]
            return self._pipeline(parts, prepared)

        pipeline = self._send(build)
        contexts = pipeline.contexts[-len(statements) :]
        for prepared, context in zip(pipeline.prepared, contexts, strict=True):
            if prepared is not None and not prepared.is_prepared:
                prepared.remember(context)
        return contexts

    def _part(self, statement: _Statement, prepared: PreparedStatement | None) -> tuple[Context, bytes]:
        if prepared is not None and prepared.is_prepared:
            return prepared.context(statement.sql), messages.execute_prepared(prepared.name, statement.params)
        return Context(statement.sql), self._execute_messages(statement, prepared.name if prepared else b"")

    def _execute_messages(self, statement: _Statement, name: bytes = b"") -> bytes:
        return messages.execute(self._encode(statement.sql), statement.params, statement.oids, name)

    def _pipeline(
        self, parts: Sequence[tuple[Context, bytes]], prepared: Sequence[PreparedStatement | None] = ()
    ) -> _Pipeline:
        begin = [(Context(messages.BEGIN), messages.EXECUTE_BEGIN)] if self._needs_begin else []
        contexts, encoded = zip(*begin, *parts, strict=True)
        return _Pipeline(list(contexts), b"".join(encoded) + SYNC_MSG, prepared)

    def _encoded(self, sql: str, params: Sequence[Any], oids: Sequence[int] = ()) -> _Statement:
        texts = make_params(self.py_types, params)
        return _Statement(sql, [None if text is None else self._encode(text) for text in texts], oids)

    def commit(self) -> None:
        """Commit the open transaction; without one, send nothing."""
        if self._in_transaction:
            self._round_trip(_Pipeline([Context("commit")], messages.query(b"commit")))

    def rollback(self) -> None:
        """Roll back the open transaction; without one, or on a lost connection, send nothing."""
        self._prepended = None
        if self._in_transaction and self._usock is not None:
            with suppress(ConnectionLost):
                self._round_trip(_Pipeline([Context("rollback")], messages.query(b"rollback")))
        if self._usock is None:
            self._transaction_status = IDLE

    def close(self) -> None:
        """Send Terminate and close the socket; a second call does nothing."""
        if self._usock is not None:
            with suppress(OSError):
                self._usock.sendall(TERMINATE_MSG)
        self._drop_socket()
        self._closed = True

    @property
    def _needs_begin(self) -> bool:
        return not self.autocommit and not self._in_transaction

    def _send(self, build: Callable[[], _Pipeline]) -> _Pipeline:
        """Send a pipeline; if the connection is dead before the transaction began, reconnect and build it anew."""
        is_first = not self._in_transaction
        pipeline = build()
        try:
            return self._round_trip(pipeline)
        except AnswerTimedOut:
            raise
        except ConnectionLost:
            if not is_first or self._closed or pipeline.contexts[-1].stream is not None:
                raise
        self._reconnect()
        return self._round_trip(build())

    def _round_trip(self, pipeline: _Pipeline) -> _Pipeline:
        if self._usock is None:
            self._drop_socket()
            raise ConnectionLost("the connection is closed")
        try:
            self._usock.sendall(pipeline.messages)
            self.read_responses(pipeline.contexts)
        except BaseException as error:
            refused = next((context.error for context in pipeline.contexts if context.error), None)
            if error is refused:
                raise
            # Unread responses are still on the socket; another statement must never read them as its own.
            self._drop_socket()
            if _is_timeout(error):
                raise AnswerTimedOut(f"no answer within {self._timeouts[1]} s") from error
            if _is_network(error):
                raise ConnectionLost("the server went away") from (refused or error)
            raise
        return pipeline

    def _drop_socket(self) -> None:
        """Close the socket; an open transaction counts as failed until `rollback`, as it would on the server."""
        for end in (self._sock, self._usock):
            if end is not None:
                with suppress(OSError):
                    end.close()
        self._sock = self._usock = None
        self._transaction_status = IDLE if self.autocommit else IN_FAILED_TRANSACTION

    def _encode(self, text: str) -> bytes:
        return text.encode(self._client_encoding)


def _is_network(error: BaseException) -> bool:
    """Tell whether the network failed; pg8000 wraps some socket errors and passes others through."""
    return isinstance(error, OSError) or (isinstance(error, InterfaceError) and error.args == ("network error",))


def _is_timeout(error: BaseException) -> bool:
    """Tell whether the socket's own timeout expired; the system's ETIMEDOUT carries an errno and means a dead peer."""
    cause = error if isinstance(error, OSError) else error.__cause__
    return isinstance(cause, TimeoutError) and cause.errno is None
