"""Reads the responses of a pipeline with pg8000's message handlers, and caches the work they repeat."""

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

_EXCEPTION_BY_SQLSTATE = {"28000": InterfaceError, "23505": IntegrityError}  # as in pg8000's cursor
MAX_ROW_DESCRIPTIONS: Final = 500  # cached per connection; the program has fewer statements


def _iso_decoder(parse: Callable[[str], Any], oid: int) -> Callable[[str], Any]:
    """Return a decoder for ISO 8601 text; pg8000's slower decoder handles the rest (infinity, BC)."""
    fallback = PG_TYPES[oid]

    def decode(value: str) -> Any:
        try:
            return parse(value)
        except ValueError:
            return fallback(value)

    return decode


DECODERS: Final = {
    DATE: _iso_decoder(date.fromisoformat, DATE),
    TIME: _iso_decoder(time.fromisoformat, TIME),
    TIMESTAMPTZ: _iso_decoder(datetime.fromisoformat, TIMESTAMPTZ),
}


class Cursor(PlainCursor):  # type: ignore[misc] # pg8000 is not typed
    """pg8000's cursor with a cache of converted placeholders; `Connection` sends BEGIN."""

    _input_oids: Sequence[int]

    def execute(self, operation: str, args: Sequence[Any] = (), stream: Any = None) -> Self:
        if not args or stream is not None or self._c is None or self.paramstyle != "format":
            return super().execute(operation, args, stream)  # type: ignore[no-any-return]
        oids, self._input_oids = self._input_oids, ()
        try:
            self._context = self._c.execute_unnamed(numbered_parameters(operation), args, oids)
        except DatabaseError as error:
            _raise_by_sqlstate(error)
        self._row_iter = iter(self._context.rows or ())
        return self


@lru_cache(maxsize=1024)
def numbered_parameters(operation: str) -> str:
    """Replace the `%s` placeholders outside literals and comments by `$1`, `$2` and so on."""
    statement, _ = convert_paramstyle("format", operation, ())
    return str(statement)


def _raise_by_sqlstate(error: DatabaseError) -> NoReturn:
    response = error.args[0]
    if not isinstance(response, dict):
        raise ProgrammingError(response) from error
    raise _EXCEPTION_BY_SQLSTATE.get(response["C"], ProgrammingError)(response) from error


class PipelineReader(PlainConnection):  # type: ignore[misc] # pg8000 is not typed
    """A pg8000 connection that reads the responses of several pipelined statements up to one ReadyForQuery."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._row_descriptions: dict[bytes, tuple[Any, Any]] = {}
        super().__init__(*args, **kwargs)
        self.pg_types.update(DECODERS)

    def cursor(self) -> Cursor:
        return Cursor(self)

    def register_in_adapter(self, oid: int, in_func: Callable[[str], Any]) -> None:
        self._row_descriptions.clear()
        super().register_in_adapter(oid, in_func)

    def handle_ROW_DESCRIPTION(self, data: bytes, context: Context) -> None:  # noqa: N802 - overrides pg8000's
        """Parse each distinct RowDescription once; repeated queries reuse its columns and decoders."""
        cached = self._row_descriptions.get(data)
        if cached is None:
            super().handle_ROW_DESCRIPTION(data, context)
            if len(self._row_descriptions) < MAX_ROW_DESCRIPTIONS:
                self._row_descriptions[data] = context.columns, context.input_funcs
            return
        context.columns, context.input_funcs = cached
        if context.rows is None:
            context.rows = []

    def read_responses(self, contexts: Sequence[Context]) -> None:
        """Read up to ReadyForQuery; each CommandComplete moves on to the next statement's context.

        Raises the server's ErrorResponse as DatabaseError, and InterfaceError when the connection ends.
        """
        remaining = iter(contexts)
        context, code, handlers = next(remaining), None, self.message_types
        while code != READY_FOR_QUERY:
            code, length = ci_unpack(self._read(5))
            handlers[code](self._read(length - 4), context)
            if code == COMMAND_COMPLETE:
                context = next(remaining, context)
        if context.error is not None:
            raise context.error

    def _read(self, size: int) -> bytes:
        data: bytes = self._sock.read(size)
        if len(data) < size:
            raise InterfaceError("network error")
        return data
