"""Law 2: nothing outside the database is called while a transaction is open."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

in_transaction: Final[ContextVar[bool]] = ContextVar("in_transaction", default=False)


class CalledInsideTransaction(RuntimeError):
    """A network call was tried while a database transaction was open."""


@contextmanager
def transaction_open() -> Iterator[None]:
    """Mark the current context as holding a database transaction until the block ends."""
    token = in_transaction.set(True)
    try:
        yield
    finally:
        in_transaction.reset(token)


def assert_outside_transaction() -> None:
    """Refuse to go on when a database transaction is open in the current context.

    Every adapter that leaves the process calls this first, so that rows are never
    kept locked for as long as somebody else's server takes to answer.
    """
    if in_transaction.get():
        message = "network call inside a database transaction (law 2)"
        raise CalledInsideTransaction(message)
