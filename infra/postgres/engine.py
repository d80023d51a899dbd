"""Postgres as the `Database` of the business: a small pool, short transactions, single reads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple

from sqlalchemy import TextClause, create_engine, event, text
from sqlalchemy.engine import Engine, ExceptionContext
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from infra.outside import transaction_open
from infra.postgres.address import arguments
from infra.postgres.connection import Connection
from infra.postgres.dialect import DRIVER, OneFlushDialect
from infra.postgres.errors import refusal
from infra.postgres.reading import numbered
from shared.kit.database import Question

_NOTHING = text("select")


class _Engines(NamedTuple):
    """Two faces of one pool."""

    writing: Engine
    reading: Engine


class PostgresDatabase:
    """A pool of at most `pool_size` connections, made by the first use: an instance may be created before a fork.

    Waiting for a free connection ends after `pool_timeout` seconds, for an answer after `read_timeout` seconds.
    `statement_timeout_ms` and `lock_timeout_ms` are asked of the server when a connection is made; 0 leaves them out,
    as it must behind PgBouncer, which takes no such parameters (there: `alter role ... set`).
    """

    def __init__(
        self,
        url: str,
        pool_size: int = 8,
        *,
        pool_timeout: float = 3.0,
        read_timeout: float = 10.0,
        statement_timeout_ms: int = 0,
        lock_timeout_ms: int = 0,
    ) -> None:
        self._arguments, self._read_timeout = arguments(url), read_timeout
        self._pool_size, self._pool_timeout = pool_size, pool_timeout
        asked = {"statement_timeout": statement_timeout_ms, "lock_timeout": lock_timeout_ms}
        self._startup = {name: str(value) for name, value in asked.items() if value}
        self._lock = threading.Lock()
        self._made: _Engines | None = None

    @contextmanager
    def transaction(self, first: Question | None = None) -> Iterator[Session]:
        """Commit what the block did, or roll it back when it raises; BEGIN and `first` ride with its first statement."""
        writing = Session(self._engines.writing, autoflush=False, expire_on_commit=False)
        with transaction_open(), _room(), writing as session, session.begin(), _asked_first(session, first):
            yield session

    @contextmanager
    def reading(self, first: Question | None = None) -> Iterator[Session]:
        """Open a session in autocommit: each statement is one round trip, and there is nothing around it.

        `first` rides with the first statement. For reads only: a statement whose connection turns out to be dead is run a second time.
        """
        reading = Session(self._engines.reading, autoflush=False, expire_on_commit=False)
        with _room(), reading as session, _asked_first(session, first):
            yield session

    def dispose(self) -> None:
        """Close the connections that are not in use; the next use makes new ones."""
        if self._made is not None:
            self._made.writing.dispose()

    @property
    def _engines(self) -> _Engines:
        with self._lock:
            if self._made is None:
                writing = self._create()
                self._made = _Engines(writing, writing.execution_options(isolation_level="AUTOCOMMIT"))
            return self._made

    def _create(self) -> Engine:
        engine = create_engine(
            f"{DRIVER}://",
            creator=self._connect,
            pool_size=self._pool_size,
            max_overflow=0,
            pool_timeout=self._pool_timeout,
            pool_recycle=600,
            pool_use_lifo=True,  # the connections that are not needed stay idle and are recycled
            hide_parameters=True,  # an error's text may reach a log
        )
        event.listen(engine, "handle_error", _translate)
        return engine

    def _connect(self) -> Connection:
        connection = Connection(read_timeout=self._read_timeout, startup_params=self._startup, **self._arguments)
        # A plan that is kept is one for any value: a filter of an admin's list is better planned for the value it has.
        connection.by_name = False
        return connection


def _translate(context: ExceptionContext) -> BaseException | None:
    """Raise the refusal where it happens, inside a savepoint too, in place of SQLAlchemy's exception."""
    return refusal(context.original_exception)


@contextmanager
def _asked_first(session: Session, question: Question | None) -> Iterator[None]:
    """Let a question ride with the first statement; where the block runs none, ask it at its end, however it ends.

    Who takes one along is asked for often: what such a session asks, the server knows by name.
    """
    if question is None:
        yield
        return
    connection = session.connection().connection.driver_connection
    assert isinstance(connection, Connection)  # noqa: S101 - what `_create` makes
    statement, names = _written(question.statement)
    connection.let_ride(statement, [question.parameters[name] for name in names], question.hear)
    connection.by_name = True
    try:
        yield
    finally:
        connection.by_name = False
        if connection.has_riding:
            session.execute(_NOTHING)


@cache
def _written(statement: TextClause) -> tuple[str, tuple[str, ...]]:
    """Return a statement as the driver takes it, and the names of its values in their order."""
    compiled = statement.compile(dialect=OneFlushDialect())  # type: ignore[no-untyped-call]
    return numbered(str(compiled)), tuple(compiled.positiontup or ())


@contextmanager
def _room() -> Iterator[None]:
    """Translate the one error that does not pass through the engine: no connection became free in time."""
    try:
        yield
    except PoolTimeoutError as error:
        raise refusal(error) or error from error
