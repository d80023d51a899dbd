"""The one place that knows what the database's refusals mean: by SQLSTATE and constraint name.

Exception classes lie: the driver raises IntegrityError for a unique constraint alone, ProgrammingError for every other
one, and a plain DatabaseError for what a deferred trigger refuses at COMMIT.
"""

from typing import Any, Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from infra.postgres.connection import ConnectionLost
from infra.postgres.named import has_forgotten
from shared.kit.database import ConstraintViolated, DatabaseUnavailable, TransactionConflict

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_CONSTRAINT_CLASS: Final = "23"
_CONFLICTS: Final = frozenset({"40001", "40P01"})  # serialization failure, deadlock
# Connections, resources, the operator (shutdown, starting up, statement timeout); the codes below stand alone.
_UNAVAILABLE_CLASSES: Final = frozenset({"08", "53", "57"})
_UNAVAILABLE: Final = frozenset(
    {
        "25006",  # a standby answered, which cannot write: a failover is under way
        "25P03",  # idle in transaction for too long
        "25P04",  # the transaction took too long
        "55P03",  # lock timeout
    }
)


def refusal(error: BaseException) -> ConstraintViolated | TransactionConflict | DatabaseUnavailable | None:
    """Return what an error of SQLAlchemy or of the driver means to the business; None when it is a defect, or not theirs."""
    original = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(original, ConnectionLost | PoolTimeoutError):
        return DatabaseUnavailable(str(original))
    answer = original.args[0] if original is not None and original.args else None
    return _refused(answer) if isinstance(answer, dict) and "C" in answer else None


def _refused(answer: dict[str, Any]) -> ConstraintViolated | TransactionConflict | DatabaseUnavailable | None:
    """Read an ErrorResponse: C is the SQLSTATE, n the constraint, t and c table and column, M the sentence."""
    sqlstate = str(answer["C"])
    if sqlstate.startswith(_CONSTRAINT_CLASS):
        return ConstraintViolated(answer.get("n") or f"{answer.get('t')}.{answer.get('c')}", sqlstate)
    if sqlstate in _CONFLICTS or has_forgotten(answer):
        return TransactionConflict(f"{sqlstate} {answer.get('M')}")
    if sqlstate[:2] in _UNAVAILABLE_CLASSES or sqlstate in _UNAVAILABLE:
        return DatabaseUnavailable(f"{sqlstate} {answer.get('M')}")
    return None
