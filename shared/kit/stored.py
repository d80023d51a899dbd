"""The base of a frozen dataclass that is stored as a JSON column."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

JsonScalar = str | int | float | bool | None


@dataclass(frozen=True)
class Stored:
    """A dataclass whose fields are JSON values, stored by their names."""

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Read a stored row; fields of another release that this one does not have are left out."""
        known = {item.name for item in fields(cls)}
        return cls(**{name: value for name, value in row.items() if name in known})

    def to_row(self) -> dict[str, Any]:
        return dict(vars(self))
