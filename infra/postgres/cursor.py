"""pg8000's cursor, which looks for the placeholders of a statement once and not each time it is run."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NoReturn, Self

from pg8000.exceptions import DatabaseError, InterfaceError
from pg8000.legacy import Cursor as PlainCursor
from pg8000.legacy import IntegrityError, ProgrammingError, convert_paramstyle

# As the plain cursor tells them apart.
_CLASSES = {"28000": InterfaceError, "23505": IntegrityError}


class Cursor(PlainCursor):  # type: ignore[misc] # pg8000 is not typed
    """Runs statements written with `%s`; one connection's, as the plain cursor is."""

    _input_oids: Sequence[int]

    def execute(self, operation: str, args: Sequence[Any] = (), stream: Any = None) -> Self:
        if not args or stream is not None or self._c is None or self.paramstyle != "format":
            return super().execute(operation, args, stream)  # type: ignore[no-any-return]
        oids, self._input_oids = self._input_oids, ()
        try:
            self._context = self._c.execute_unnamed(numbered(operation), args, oids)
        except DatabaseError as error:
            _raise_by_sqlstate(error)
        self._row_iter = iter(self._context.rows or ())
        return self


@lru_cache(maxsize=1024)
def numbered(operation: str) -> str:
    """Return a statement with `$1`, `$2` for each `%s` that is no part of a text or a comment."""
    statement, _ = convert_paramstyle("format", operation, ())
    return str(statement)


def _raise_by_sqlstate(error: DatabaseError) -> NoReturn:
    answer = error.args[0]
    if not isinstance(answer, dict):
        raise ProgrammingError(answer) from error
    raise _CLASSES.get(answer["C"], ProgrammingError)(answer) from error
