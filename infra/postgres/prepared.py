"""Server-side prepared statements: the server parses and plans a statement once per connection.

A statement's name is a hash of its SQL and parameter types, so every client gives it the same name. A pooler that mixes
up the prepared statements of its clients can lose a name, but a name never runs another statement. PgBouncer keeps them
apart since 1.21 (`max_prepared_statements`), and so does Neon's pooler; behind others the connection stops using them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from pg8000.core import Context

MAX_PREPARED: Final = 200  # per connection: a prepared statement is never closed, and its plan takes server memory
_INVALID_STATEMENT_NAME: Final = "26000"
_RESULT_TYPE_CHANGED: Final = "RevalidateCachedQuery"  # the server's routine that finds a plan outdated by a migration
_Key = tuple[str, tuple[int, ...]]


@dataclass
class PreparedStatement:
    """A statement used at least twice; `is_prepared` once the server has parsed it and its columns are cached here."""

    name: bytes
    is_prepared: bool = False
    columns: Any = None
    input_funcs: Any = None

    def context(self, sql: str) -> Context:
        """Return a context that decodes rows without a RowDescription."""
        return Context(sql, columns=self.columns, input_funcs=self.input_funcs)

    def remember(self, completed: Context) -> None:
        """Cache the columns of the first execution under this name."""
        self.columns, self.input_funcs, self.is_prepared = completed.columns, completed.input_funcs, True


class PreparedStatements:
    """The prepared statements of one server connection; a new connection starts with none."""

    def __init__(self) -> None:
        self._by_key: dict[_Key, PreparedStatement | None] = {}

    def lookup(self, sql: str, oids: Sequence[int]) -> PreparedStatement | None:
        """Return the statement to prepare or to execute by name; None on its first use and beyond MAX_PREPARED."""
        key = sql, tuple(oids)
        if key not in self._by_key:
            if len(self._by_key) < MAX_PREPARED:
                self._by_key[key] = None
            return None
        statement = self._by_key[key]
        if statement is None:
            statement = self._by_key[key] = PreparedStatement(sha256(repr(key).encode()).hexdigest()[:32].encode())
        return statement


class NoPreparedStatements(PreparedStatements):
    """Prepares nothing: for sessions that did not ask, and for connections whose server lost a prepared statement."""

    def lookup(self, sql: str, oids: Sequence[int]) -> None:  # noqa: ARG002
        return None


def is_stale_statement(response: Any) -> bool:
    """Tell whether an ErrorResponse says that a prepared statement is gone or that its result type has changed."""
    return isinstance(response, dict) and (
        response.get("C") == _INVALID_STATEMENT_NAME or response.get("R") == _RESULT_TYPE_CHANGED
    )
