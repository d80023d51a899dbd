"""INSERT as a fragment of a larger statement, made from a table: each parameter is cast to its column's type."""

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql

from shared.kit.base import Base

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def insert_from(model: type[Base], source: str, **values: str) -> str:
    """Return `insert into … select … from source` for a model's columns.

    A value `:name` is a parameter; any other text is an expression. Raises KeyError for a column the table has not.
    """
    table = model.__table__
    assert isinstance(table, Table)  # noqa: S101 - every model of ours is one table
    selected = ", ".join(_cast(table, column, value) for column, value in values.items())
    return f"insert into {table.name} ({', '.join(values)}) select {selected} from {source}"


def _cast(table: Table, column: str, value: str) -> str:
    kind = table.c[column].type.compile(dialect=_DIALECT)
    return f"cast({value} as {kind})" if value.startswith(":") else value
