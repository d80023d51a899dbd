"""Statements the server knows by name, so that it reads and plans them once for a connection and not each time.

A name is a digest of the statement, the same whoever asks: behind a pooler that does not keep the names of its clients
apart, what bears a name is at worst unknown, never another statement. Neon's pooler keeps them (PgBouncer since 1.21,
`max_prepared_statements`); where one does not, the connection goes on without names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from pg8000.core import Context

MOST_NAMES: Final = 200  # on one connection; a name is never given up, and a plan takes memory on the server
_UNKNOWN_NAME: Final = "26000"
_OTHER_RESULT: Final = "RevalidateCachedQuery"  # where the server finds that a migration has changed what it answers
_Met = tuple[str, tuple[int, ...]]


@dataclass
class Named:
    """A statement that has been met twice; with `is_known`, the columns of its answer need no telling any more."""

    name: bytes
    is_known: bool = False
    columns: Any = None
    input_funcs: Any = None

    def context(self, statement: str) -> Context:
        return Context(statement, columns=self.columns, input_funcs=self.input_funcs)

    def learn(self, answered: Context) -> None:
        self.columns, self.input_funcs, self.is_known = answered.columns, answered.input_funcs, True


class Names:
    """The names of one connection to one server; empty again with each new one."""

    def __init__(self) -> None:
        self._named: dict[_Met, Named | None] = {}

    def meet(self, statement: str, oids: Sequence[int]) -> Named | None:
        """Return the name of a statement from the second time on."""
        met = statement, tuple(oids)
        if met not in self._named:
            if len(self._named) < MOST_NAMES:
                self._named[met] = None
            return None
        named = self._named[met]
        if named is None:
            named = self._named[met] = Named(sha256(repr(met).encode()).hexdigest()[:32].encode())
        return named


class NoNames(Names):
    """For the rest of a connection whose server has forgotten one."""

    def meet(self, statement: str, oids: Sequence[int]) -> None:  # noqa: ARG002
        return None


def has_forgotten(answer: Any) -> bool:
    """Tell whether a refusal says that what the server knew by a name is not there, or not as it was."""
    return isinstance(answer, dict) and (answer.get("C") == _UNKNOWN_NAME or answer.get("R") == _OTHER_RESULT)
