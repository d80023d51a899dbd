"""The database port of the business: transactions, autocommit reads, and three refusals."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import TextClause
from sqlalchemy.orm import Session

from shared.kit.errors import DependencyDown

Parameters = Mapping[str, str | int | UUID | date | datetime | time | timedelta | None]  # of a statement, by name


@dataclass(frozen=True)
class Piggyback:
    """A statement that runs before a session's first statement, in the same round trip.

    `on_rows` receives its rows before the first statement's result is returned, and may raise to refuse it.
    """

    statement: TextClause
    parameters: Parameters
    on_rows: Callable[[Sequence[Sequence[Any]]], None]


class Database(Protocol):
    def transaction(
        self, piggyback: Piggyback | None = None, *, prepared: bool = False
    ) -> AbstractContextManager[Session]:
        """Open a short transaction: commit when the block ends, roll back when it raises.

        The piggyback runs with the first statement, or alone at the end of a block without one. `prepared` uses
        server-side prepared statements: for hot paths whose plan does not depend on parameter values. Statements and
        the commit raise the refusals below.
        """

    def reading(self, piggyback: Piggyback | None = None, *, prepared: bool = False) -> AbstractContextManager[Session]:
        """Open an autocommit session, for reads only: each statement is its own transaction. Arguments: `transaction`."""


class ConstraintViolated(Exception):
    """A constraint rejected the row.

    `constraint` is its name (`table.column` for NOT NULL), `sqlstate` the five-character code. To continue the
    transaction, run the statement in a savepoint (`session.begin_nested()`).
    """

    def __init__(self, constraint: str, sqlstate: str) -> None:
        super().__init__(f"{constraint} ({sqlstate})")
        self.constraint, self.sqlstate = constraint, sqlstate


class TransactionConflict(DependencyDown):
    """The database aborted this transaction (deadlock, serialization failure, stale prepared statement): retry all of it."""

    def __init__(self, reason: str) -> None:
        super().__init__("Please try again.", retry_after=1)
        self.reason = reason


class DatabaseUnavailable(DependencyDown):
    """The database was unreachable, full or too slow; uncaught, the response is 503.

    Nothing was written, except perhaps by a COMMIT without a response: retry with the same idempotency key. `reason` is
    for the log and contains no row data.
    """

    def __init__(self, reason: str) -> None:
        super().__init__("Please try again in a moment.")
        self.reason = reason
