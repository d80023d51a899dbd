"""pg8000's cursor and connection, in fewer steps: the same values, without looking up the same twice."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any, Final, NoReturn, Self

from pg8000.converters import DATE, PG_TYPES, TIME, TIMESTAMPTZ
from pg8000.core import COMMAND_COMPLETE, READY_FOR_QUERY, Context, ci_unpack
from pg8000.exceptions import DatabaseError
from pg8000.legacy import Connection as PlainConnection
from pg8000.legacy import Cursor as PlainCursor
from pg8000.legacy import IntegrityError, InterfaceError, ProgrammingError, convert_paramstyle

# As the plain cursor tells them apart.
_CLASSES = {"28000": InterfaceError, "23505": IntegrityError}
MOST_SHAPES: Final = 500  # of answers; more than this program has statements


def _iso(read: Callable[[str], Any], oid: int) -> Callable[[str], Any]:
    """Read what the server writes as ISO 8601 by the standard library's own reader; the rest (infinity, BC) as pg8000 does."""
    plain = PG_TYPES[oid]

    def reader(written: str) -> Any:
        try:
            return read(written)
        except ValueError:
            return plain(written)

    return reader


READERS: Final = {
    DATE: _iso(date.fromisoformat, DATE),
    TIME: _iso(time.fromisoformat, TIME),
    TIMESTAMPTZ: _iso(datetime.fromisoformat, TIMESTAMPTZ),
}


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


class ReadingConnection(PlainConnection):  # type: ignore[misc] # pg8000 is not typed
    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._shapes: dict[bytes, tuple[Any, Any]] = {}
        super().__init__(*arguments, **named)
        self.pg_types.update(READERS)

    def cursor(self) -> Cursor:
        return Cursor(self)

    def register_in_adapter(self, oid: int, in_func: Callable[[str], Any]) -> None:
        self._shapes.clear()
        super().register_in_adapter(oid, in_func)

    def handle_ROW_DESCRIPTION(self, data: bytes, context: Context) -> None:  # noqa: N802 - overrides pg8000's
        """Work out once what the columns of an answer are, and who reads their values."""
        shape = self._shapes.get(data)
        if shape is None:
            super().handle_ROW_DESCRIPTION(data, context)
            if len(self._shapes) < MOST_SHAPES:
                self._shapes[data] = context.columns, context.input_funcs
            return
        context.columns, context.input_funcs = shape
        if context.rows is None:
            context.rows = []

    def handle_messages(self, context: Context) -> None:
        """Read the one answer to what pg8000 itself asks, while it connects."""
        self.hear([context])

    def hear(self, contexts: Sequence[Context]) -> None:
        """Read up to the end of what one burst is answered, a context for each of its statements.

        Raises what the server has refused, and InterfaceError when it went away.
        """
        later = iter(contexts)
        context, code, handlers = next(later), None, self.message_types
        while code != READY_FOR_QUERY:
            code, length = ci_unpack(self._read(5))
            handlers[code](self._read(length - 4), context)
            if code == COMMAND_COMPLETE:
                context = next(later, context)
        if context.error is not None:
            raise context.error

    def _read(self, size: int) -> bytes:
        data: bytes = self._sock.read(size)
        if len(data) < size:
            raise InterfaceError("network error")
        return data
