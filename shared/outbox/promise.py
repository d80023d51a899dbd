"""A promise on its way from the transaction that makes it to the queue."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

PENDING = "outbox"  # where a session keeps what it promised until the commit


@dataclass(frozen=True)
class Promise:
    """A message that waits to be handled: which one, how often it was sent again, and when it is due."""

    id: UUID
    kind: str
    generation: int
    due_at: datetime


def promised(session: Session, promise: Promise) -> None:
    """Remember, for the try after the commit, a promise whose row another statement wrote."""
    session.info.setdefault(PENDING, []).append(promise)
