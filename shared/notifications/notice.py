"""A notification as a line words it: what it tells, and whom."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Notice:
    """One stored notification: its kind, what it is about, and the facts it was made from (plain JSON)."""

    kind: str
    subject_id: UUID
    facts: Mapping[str, object]


@dataclass(frozen=True)
class Reader:
    """The person a letter is for; `language` is a BCP 47 tag."""

    name: str | None = None
    language: str = "en"
