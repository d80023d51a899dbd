"""The database as the business sees it: two ways in, and three ways it can say no."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import TextClause
from sqlalchemy.orm import Session

from shared.kit.errors import DependencyDown


@dataclass(frozen=True)
class Question:
    """What a session's first statement takes along in front of it, on one way to the database and back.

    `hear` is given the rows before the first statement's answer is given, and refuses by raising.
    """

    statement: TextClause
    parameters: Mapping[str, Any]
    hear: Callable[[Sequence[Sequence[Any]]], None]


class Database(Protocol):
    def transaction(self, first: Question | None = None) -> AbstractContextManager[Session]:
        """Open one short transaction: committed when the block ends, rolled back when it raises.

        Raises the three refusals below, from the statement that met them or from the commit. `first` is asked along
        with the first statement, or alone where there is none: the block does not end well without its answer.
        """

    def reading(self, first: Question | None = None) -> AbstractContextManager[Session]:
        """Open a session whose every statement stands alone, for reads only: there is nothing to commit."""


class ConstraintViolated(Exception):
    """A constraint refused the row.

    `constraint` is its name (`table.column` for a column that must not be null), `sqlstate` the five-letter code. In a
    transaction that goes on, the statement must have stood in a savepoint (`session.begin_nested()`).
    """

    def __init__(self, constraint: str, sqlstate: str) -> None:
        super().__init__(f"{constraint} ({sqlstate})")
        self.constraint, self.sqlstate = constraint, sqlstate


class TransactionConflict(DependencyDown):
    """The database chose this transaction to give way (deadlock, serialization, a plan it has dropped): the whole of it may be run again."""

    def __init__(self, reason: str) -> None:
        super().__init__("Please try again.", retry_after=1)
        self.reason = reason


class DatabaseUnavailable(DependencyDown):
    """The database was not reached, had no room or was too slow; left uncaught it answers 503.

    Nothing was written, unless it was the commit that got no answer: then it is unknown, and a second try must carry
    the same idempotency key. `reason` is for the log and holds no row's data.
    """

    def __init__(self, reason: str) -> None:
        super().__init__("Please try again in a moment.")
        self.reason = reason
