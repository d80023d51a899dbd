"""Messages written in a transaction and sent to the queue after its commit."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from shared.kit.stored import JsonScalar

PENDING = "outbox"  # the key of `session.info` that lists the session's messages until the commit
Payload = Mapping[str, JsonScalar]  # of a message: the ids of its rows


@dataclass(frozen=True)
class PendingMessage:
    """A stored message to send: its id and kind, the count of repeated sends, and when it is due."""

    id: UUID
    kind: str
    generation: int
    due_at: datetime


def send_after_commit(session: Session, message: PendingMessage) -> None:
    """Send a message after this session's commit; the caller has written its row."""
    session.info.setdefault(PENDING, []).append(message)
