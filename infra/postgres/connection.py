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
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple

from pg8000.converters import make_params
from pg8000.core import IDLE, IN_FAILED_TRANSACTION, SYNC_MSG, TERMINATE_MSG, Context
from pg8000.exceptions import DatabaseError
from pg8000.legacy import InterfaceError

from infra.postgres import wire
from infra.postgres.named import Named, Names, NoNames, has_forgotten
from infra.postgres.reading import ReadingConnection

_PLAIN_BEGIN: Final = "begin transaction"  # what pg8000's cursor sends before a transaction's first statement
_NO_NAMES: Final = NoNames()
Hear = Callable[[Sequence[Sequence[Any]]], None]
Dial = Callable[[float, float], socket.socket]  # seconds for reaching the host, and for each wait after that


class ConnectionLost(InterfaceError):  # type: ignore[misc] # pg8000 is not typed
    """The server was not reached or went away. What was begun did not happen; an unanswered COMMIT may have."""


class AnswerTimedOut(ConnectionLost):
    """The server took longer than the read timeout; it may still be at work, so nothing is tried a second time."""


class _Asked(NamedTuple):
    """A statement with its values as text."""

    statement: str
    params: Sequence[bytes | None]
    oids: Sequence[int] = ()


class _Riding(NamedTuple):
    """A statement that leaves with the next one, and who hears its answer first."""

    asked: _Asked
    hear: Hear


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
    by_name = True  # whether statements that are met again are known by name (`infra.postgres.named`)
    _sock = _usock = None
    _closed = False
    _riding: _Riding | None = None

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
        self._dial = dial or partial(wire.dial, host, port)
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

    def let_ride(self, statement: str, vals: Sequence[Any], hear: Hear) -> None:
        """Let a statement (`$1`, `$2` for its values) leave in front of the next one and be answered with it.

        `hear` is given its rows before the next one's answer is, and refuses by raising. They are two statements to the
        server: the later sees what was committed while the first waited for a lock.
        """
        self._riding = _Riding(self._asked(statement, vals), hear)

    @property
    def has_riding(self) -> bool:
        """Tell whether nothing has been asked since `let_ride`."""
        return self._riding is not None

    def execute_simple(self, statement: str) -> Context:
        """Run what has no parameters, several statements perhaps."""
        if statement == _PLAIN_BEGIN and not self.autocommit:
            return Context(statement)
        if self._riding is not None:
            self._ask()
        # In front of it in the same message: a BEGIN that fails takes the statement with it.
        text = f"{wire.BEGIN};{statement}" if self._begins else statement
        return self._converse(lambda: ([Context(statement)], wire.query(self._text(text))))[0]

    def execute_unnamed(
        self, statement: str, vals: Sequence[Any] = (), oids: Sequence[int] = (), stream: Any = None
    ) -> Context:
        """Run one statement with parameters; a stream is what COPY reads or writes."""
        asked = self._asked(statement, vals, oids)
        if stream is None:
            return self._ask(asked)
        if self._riding is not None:
            self._ask()
        return self._converse(lambda: self._unnamed(asked, stream))[-1]

    def _ask(self, *asked: _Asked) -> Context:
        """Run a statement, what rides in front of it first; where the server has forgotten a name, once more."""
        riding, self._riding = self._riding, None
        together = (riding.asked, *asked) if riding else asked
        first = not self._in_transaction
        try:
            answers = self._run(together)
        except DatabaseError as error:
            if not has_forgotten(error.args[0]):
                raise
            self._names = _NO_NAMES
            if not first:
                raise
            self.rollback()  # the BEGIN that rode in front
            answers = self._run(together)
        if riding:
            riding.hear(answers[0].rows)
        return answers[-1]

    def _run(self, together: Sequence[_Asked]) -> list[Context]:
        """Run statements in one burst: each sees what was committed before it began."""
        named: list[Named | None] = []

        def say() -> tuple[list[Context], bytes]:
            names = self._names if self.by_name else _NO_NAMES  # others, on a new connection
            named[:] = [names.meet(one.statement, one.oids) for one in together]
            return self._said([self._one(*pair) for pair in zip(together, named, strict=True)])

        answers = self._converse(say)[-len(together) :]
        for name, answered in zip(named, answers, strict=True):
            if name is not None and not name.is_known:
                name.learn(answered)
        return answers

    def _one(self, asked: _Asked, named: Named | None) -> tuple[Context, bytes]:
        if named is not None and named.is_known:
            return named.context(asked.statement), wire.run_known(named.name, asked.params)
        name = named.name if named else b""
        return Context(asked.statement), wire.run(self._text(asked.statement), asked.params, asked.oids, name)

    def _unnamed(self, asked: _Asked, stream: Any) -> tuple[list[Context], bytes]:
        run = wire.run(self._text(asked.statement), asked.params, asked.oids)
        return self._said([(Context(asked.statement, stream=stream), run)])

    def _said(self, parts: list[tuple[Context, bytes]]) -> tuple[list[Context], bytes]:
        begun = [(Context(wire.BEGIN), wire.RUN_BEGIN)] if self._begins else []
        contexts, bursts = zip(*begun, *parts, strict=True)
        return list(contexts), b"".join(bursts) + SYNC_MSG

    def _asked(self, statement: str, vals: Sequence[Any], oids: Sequence[int] = ()) -> _Asked:
        params = make_params(self.py_types, vals)
        return _Asked(statement, [None if param is None else self._text(param) for param in params], oids)

    def commit(self) -> None:
        """Commit what was begun; costs nothing when nothing was."""
        if self._in_transaction:
            self._exchange([Context("commit")], wire.query(b"commit"))

    def rollback(self) -> None:
        """Roll back what was begun; costs nothing when nothing was, or when it went down with the connection."""
        self._riding = None
        if self._in_transaction and self._usock is not None:
            with suppress(ConnectionLost):
                self._exchange([Context("rollback")], wire.query(b"rollback"))
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

    def _converse(self, say: Callable[[], tuple[list[Context], bytes]]) -> list[Context]:
        first = not self._in_transaction
        contexts, burst = say()
        try:
            return self._exchange(contexts, burst)
        except AnswerTimedOut:
            raise
        except ConnectionLost:
            if not first or self._closed or contexts[-1].stream is not None:
                raise
        self._reconnect()
        return self._exchange(*say())

    def _exchange(self, contexts: list[Context], burst: bytes) -> list[Context]:
        if self._usock is None:
            self._hang_up()
            raise ConnectionLost("the connection is closed")
        try:
            self._usock.sendall(burst)
            self.hear(contexts)
        except BaseException as error:
            refused = next((context.error for context in contexts if context.error), None)
            if error is refused:
                raise
            # Broken off half way, by whatever: answers nobody has read must never meet another statement.
            self._hang_up()
            if _is_timeout(error):
                raise AnswerTimedOut(f"no answer within {self._timeouts[1]} s") from error
            if _is_network(error):
                raise ConnectionLost("the server went away") from (refused or error)
            raise
        return contexts

    def _hang_up(self) -> None:
        """Drop the socket; a transaction stays failed until it is rolled back, as on the server."""
        for end in (self._sock, self._usock):
            if end is not None:
                with suppress(OSError):
                    end.close()
        self._sock = self._usock = None
        self._transaction_status = IDLE if self.autocommit else IN_FAILED_TRANSACTION

    def _text(self, text: str) -> bytes:
        return text.encode(self._client_encoding)


def _is_network(error: BaseException) -> bool:
    """Tell whether the wire failed: pg8000 lets some of its errors through and wraps others."""
    return isinstance(error, OSError) or (isinstance(error, InterfaceError) and error.args == ("network error",))


def _is_timeout(error: BaseException) -> bool:
    """Tell whether our own patience ended; what the system reports as timed out (ETIMEDOUT) is a dead peer."""
    cause = error if isinstance(error, OSError) else error.__cause__
    return isinstance(cause, TimeoutError) and cause.errno is None
