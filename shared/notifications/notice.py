"""The input of a line's letters: a notification and its recipient."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Notice:
    """One stored notification: its kind, the id of its subject, and the facts for its text (plain JSON)."""

    kind: str
    subject_id: UUID
    facts: Mapping[str, object]


@dataclass(frozen=True)
class Reader:
    """The recipient of a letter; `language` is a BCP 47 tag."""

    name: str | None = None
    language: str = "en"
