"""The base of every table."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Dialect, MetaData, Select, Text, TypeDecorator, Uuid, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# Constraint names are an interface: code maps a violated constraint to a refusal by its name.
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own hook
        str: Text,
        datetime: DateTime(timezone=True),
        UUID: Uuid(),
        dict[str, Any]: JSONB,
    }


class Created:
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Changed(Created):
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class EnumColumn(TypeDecorator[Any]):
    """A text column that is read as a member of an enum; a CHECK made by `one_of` holds its values in the database."""

    impl, cache_ok = Text, True

    def __init__(self, values: type[StrEnum]) -> None:
        super().__init__()
        self.values = values

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:  # noqa: ARG002
        return None if value is None else self.values(value)


def one_of(column: str, values: type[StrEnum]) -> str:
    """Return the CHECK condition that restricts a text column to an enum's values."""
    listed = ", ".join(f"'{value.value}'" for value in values)
    return f"{column} in ({listed})"


def for_update(statement: Select[Any], *, skip_locked: bool = False) -> Select[Any]:
    """Lock the selected rows until the end of the transaction and refresh the session's copies of them.

    Other transactions may still insert foreign keys to them (`for no key update`). `skip_locked` omits rows that
    others have locked.
    """
    taken = statement.with_for_update(key_share=True, skip_locked=skip_locked)
    return taken.execution_options(populate_existing=True)
