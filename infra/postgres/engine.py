"""`Database` on Postgres: a small connection pool, short transactions and autocommit reads."""

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
from infra.postgres.dialect import DRIVER, PipelinedDialect
from infra.postgres.errors import refusal
from infra.postgres.responses import numbered_parameters
from shared.kit.database import Piggyback

_EMPTY_SELECT = text("select")


class _Engines(NamedTuple):
    """Two engines on one pool, which differ in their isolation level."""

    writing: Engine
    reading: Engine


class PostgresDatabase:
    """A pool of at most `pool_size` connections; the first use opens it, so an instance survives a fork.

    `pool_timeout` and `read_timeout` are seconds to wait for a free connection and for a response.
    `statement_timeout_ms` and `lock_timeout_ms` are sent to the server at connect. PgBouncer rejects such startup
    parameters: there leave them 0 and use `alter role ... set`.
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
        timeouts = {"statement_timeout": statement_timeout_ms, "lock_timeout": lock_timeout_ms}
        self._startup_params = {name: str(value) for name, value in timeouts.items() if value}
        self._lock = threading.Lock()
        self._created: _Engines | None = None

    @contextmanager
    def transaction(self, piggyback: Piggyback | None = None, *, prepared: bool = False) -> Iterator[Session]:
        """Open a transaction: commit when the block ends, roll back when it raises.

        BEGIN and `piggyback` travel with the first statement.
        """
        writing = Session(self._engines.writing, autoflush=False, expire_on_commit=False)
        with (
            transaction_open(),
            _pool_timeout_refused(),
            writing as session,
            session.begin(),
            _configured(session, piggyback, prepared=prepared),
        ):
            yield session

    @contextmanager
    def reading(self, piggyback: Piggyback | None = None, *, prepared: bool = False) -> Iterator[Session]:
        """Open an autocommit session, for reads only: a statement on a dead connection runs again on a new one.

        Each statement is one round trip; `piggyback` travels with the first.
        """
        reading = Session(self._engines.reading, autoflush=False, expire_on_commit=False)
        with _pool_timeout_refused(), reading as session, _configured(session, piggyback, prepared=prepared):
            yield session

    def dispose(self) -> None:
        """Close the idle connections; the next use opens new ones."""
        if self._created is not None:
            self._created.writing.dispose()

    @property
    def _engines(self) -> _Engines:
        with self._lock:
            if self._created is None:
                writing = self._create()
                self._created = _Engines(writing, writing.execution_options(isolation_level="AUTOCOMMIT"))
            return self._created

    def _create(self) -> Engine:
        engine = create_engine(
            f"{DRIVER}://",
            creator=self._connect,
            pool_size=self._pool_size,
            max_overflow=0,
            pool_timeout=self._pool_timeout,
            pool_recycle=600,
            pool_use_lifo=True,  # surplus connections stay idle until they are recycled
            hide_parameters=True,  # the text of an error may reach a log
        )
        event.listen(engine, "handle_error", _translate)
        return engine

    def _connect(self) -> Connection:
        connection = Connection(read_timeout=self._read_timeout, startup_params=self._startup_params, **self._arguments)
        # A prepared statement may get a generic plan; filters of an admin's list need a plan for their actual values.
        connection.use_prepared = False
        return connection


def _translate(context: ExceptionContext) -> BaseException | None:
    """Replace SQLAlchemy's exception by the refusal where it is raised, so that savepoints see it too."""
    return refusal(context.original_exception)


@contextmanager
def _configured(session: Session, piggyback: Piggyback | None, *, prepared: bool) -> Iterator[None]:
    """Prepend the piggyback and choose prepared statements; a block without a statement runs the piggyback at its end."""
    if piggyback is None and not prepared:
        yield
        return
    connection = session.connection().connection.driver_connection
    assert isinstance(connection, Connection)  # noqa: S101 - `_connect` returns it
    connection.use_prepared = prepared
    if piggyback is not None:
        sql, names = _compiled(piggyback.statement)
        connection.prepend(sql, [piggyback.parameters[name] for name in names], piggyback.on_rows)
    try:
        yield
    finally:
        connection.use_prepared = False
        if connection.has_prepended:
            session.execute(_EMPTY_SELECT)


@cache
def _compiled(statement: TextClause) -> tuple[str, tuple[str, ...]]:
    """Return SQL with numbered parameters, and the names of the parameters in that order."""
    compiled = statement.compile(dialect=PipelinedDialect())  # type: ignore[no-untyped-call]
    return numbered_parameters(str(compiled)), tuple(compiled.positiontup or ())


@contextmanager
def _pool_timeout_refused() -> Iterator[None]:
    """Translate the pool's timeout, the one error that SQLAlchemy's `handle_error` event does not see."""
    try:
        yield
    except PoolTimeoutError as error:
        raise refusal(error) or error from error
