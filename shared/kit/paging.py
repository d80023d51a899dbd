"""Keyset pagination: the cost of a page does not depend on its depth."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Generic, Protocol, TypeVar
from uuid import UUID

from pydantic import Field
from sqlalchemy import ColumnElement, tuple_

from shared.kit.clock import INDIA, midnight
from shared.kit.errors import Invalid
from shared.kit.schemas import Query, View

Row = TypeVar("Row")
Item = TypeVar("Item")
Key = TypeVar("Key")


class PageQuery(Query):
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[str | None, Field(max_length=200)] = None


class PageView(View, Generic[Item]):
    items: list[Item]
    next_cursor: str | None = None


class Cursor(Protocol):
    """The position of a page's last row in the order of its list."""

    def encode(self) -> str: ...


@dataclass(frozen=True)
class Position:
    """The position in a newest-first list: the sort key of a page's last row."""

    at: datetime
    id: UUID

    def encode(self) -> str:
        return pack(self.at.isoformat(), str(self.id))

    @classmethod
    def decode(cls, cursor: str) -> "Position":
        """Decode a cursor of ours; raises Invalid for any other text."""
        return unpack(cursor, lambda at, row_id: cls(_aware(datetime.fromisoformat(at)).astimezone(UTC), UUID(row_id)))


def pack(*key: str | int) -> str:
    """Encode a sort key as a cursor."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def unpack(cursor: str, read: Callable[..., Key]) -> Key:
    """Decode a cursor made by `pack`; `read` builds the key from its parts, or raises ValueError or TypeError.

    Raises Invalid for any other text.
    """
    try:
        return read(*json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))))
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError, binascii.Error) as error:
        raise Invalid("query.cursor", "is not a cursor of this list") from error


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a position has a time zone")
    return moment


def after(page: PageQuery, at: Any, row_id: Any) -> list[ColumnElement[bool]]:
    """Return the SQL condition for the rows after the cursor in a newest-first list (none on the first page)."""
    if page.cursor is None:
        return []
    position = Position.decode(page.cursor)
    return [tuple_(at, row_id) < tuple_(position.at, position.id)]


def within_days(at: Any, first: date | None, last: date | None) -> list[ColumnElement[bool]]:
    """Return the SQL condition that an instant lies in these days of India, both included; None leaves an end open."""
    since = [at >= midnight(first, INDIA)] if first else []
    until = [at < midnight(last + timedelta(days=1), INDIA)] if last else []
    return since + until


def page_of(rows: Sequence[Row], limit: int, position: Callable[[Row], Cursor]) -> tuple[list[Row], str | None]:
    """Return a page of up to limit + 1 fetched rows, and the cursor of the next page (None on the last)."""
    shown = list(rows[:limit])
    return shown, position(shown[-1]).encode() if len(rows) > limit else None
