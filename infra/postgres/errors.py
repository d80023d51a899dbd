"""Translates database errors into refusals, by SQLSTATE and constraint name.

pg8000's exception classes cannot tell them apart: it raises IntegrityError only for a unique violation, ProgrammingError
for every other constraint, and DatabaseError when a deferred trigger fails at COMMIT.
"""

from typing import Any, Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from infra.postgres.connection import ConnectionLost
from infra.postgres.prepared import is_stale_statement
from shared.kit.database import ConstraintViolated, DatabaseUnavailable, TransactionConflict

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_CONSTRAINT_CLASS: Final = "23"
_CONFLICTS: Final = frozenset({"40001", "40P01"})  # serialization failure, deadlock
_UNAVAILABLE_CLASSES: Final = frozenset({"08", "53", "57"})  # connection, resources, operator (shutdown, timeout)
_UNAVAILABLE: Final = frozenset(
    {
        "25006",  # a read-only standby answered during a failover
        "25P03",  # idle-in-transaction timeout
        "25P04",  # transaction timeout
        "55P03",  # lock timeout
    }
)


def refusal(error: BaseException) -> ConstraintViolated | TransactionConflict | DatabaseUnavailable | None:
    """Return the refusal for an error of SQLAlchemy or pg8000; None for a defect or an error from elsewhere."""
    original = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(original, ConnectionLost | PoolTimeoutError):
        return DatabaseUnavailable(str(original))
    response = original.args[0] if original is not None and original.args else None
    return _by_sqlstate(response) if isinstance(response, dict) and "C" in response else None


def _by_sqlstate(response: dict[str, Any]) -> ConstraintViolated | TransactionConflict | DatabaseUnavailable | None:
    """Read an ErrorResponse: C is the SQLSTATE, n the constraint, t the table, c the column, M the message."""
    sqlstate = str(response["C"])
    if sqlstate.startswith(_CONSTRAINT_CLASS):
        return ConstraintViolated(response.get("n") or f"{response.get('t')}.{response.get('c')}", sqlstate)
    if sqlstate in _CONFLICTS or is_stale_statement(response):
        return TransactionConflict(f"{sqlstate} {response.get('M')}")
    if sqlstate[:2] in _UNAVAILABLE_CLASSES or sqlstate in _UNAVAILABLE:
        return DatabaseUnavailable(f"{sqlstate} {response.get('M')}")
    return None
