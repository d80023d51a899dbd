"""Messages that a transaction has written and that are sent to the queue after its commit."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from shared.kit.stored import JsonScalar

PENDING = "outbox"  # the key under which a session keeps its messages until the commit
Payload = Mapping[str, JsonScalar]  # of a message: the ids of its rows


@dataclass(frozen=True)
class PendingMessage:
    """A stored message to send: its id and kind, how often it was sent again, and when it is due."""

    id: UUID
    kind: str
    generation: int
    due_at: datetime


def send_after_commit(session: Session, message: PendingMessage) -> None:
    """Send a message after this session's commit; another statement has written its row."""
    session.info.setdefault(PENDING, []).append(message)
