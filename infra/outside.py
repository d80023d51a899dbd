"""Refuses network calls in an open transaction (docs/architecture.md#no-network-call-inside-a-transaction)."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

in_transaction: Final[ContextVar[bool]] = ContextVar("in_transaction", default=False)


class CalledInsideTransaction(RuntimeError):
    """A network call was attempted inside a database transaction."""


@contextmanager
def transaction_open() -> Iterator[None]:
    """Mark the current context as inside a database transaction until the block ends."""
    token = in_transaction.set(True)
    try:
        yield
    finally:
        in_transaction.reset(token)


def assert_outside_transaction() -> None:
    """Raise CalledInsideTransaction if the current context has an open database transaction.

    Every vendor adapter calls this before a network call, so that row locks never wait for a vendor's server.
    """
    if in_transaction.get():
        message = (
            "network call inside a database transaction (docs/architecture.md#no-network-call-inside-a-transaction)"
        )
        raise CalledInsideTransaction(message)
