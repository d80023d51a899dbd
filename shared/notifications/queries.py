"""Telling a person something once: the row and the promise to mail it, with the fact they follow from."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.kit.ids import new_id
from shared.outbox import queries as outbox

MAIL = "notifications.mail"


@dataclass(frozen=True)
class Addressed:
    """A notification with where it goes."""

    id: UUID
    line: str
    kind: str
    facts: dict[str, Any]
    mailed_at: datetime | None
    email: str | None
    name: str | None


_TELL = text("""
insert into notifications (id, user_id, line, kind, subject_id, dedupe_key, facts, created_at)
values (:id, :user, :line, :kind, :subject, :dedupe, cast(:facts as jsonb), :now)
on conflict (user_id, dedupe_key) do nothing returning id
""")
_READ = text("""
select n.id, n.line, n.kind, n.facts, n.mailed_at, u.email, u.name
from notifications n join users u on u.id = n.user_id where n.id = :id
""")
_MAILED = text("update notifications set mailed_at = :now where id = :id and mailed_at is null")


def tell(
    session: Session, user_id: UUID, line: str, kind: str, subject_id: UUID, facts: dict[str, Any], now: datetime
) -> None:
    """Tell a person of one thing that happened to a subject (a booking, a refund); a second time changes nothing."""
    told = session.execute(
        _TELL,
        {
            "id": new_id(),
            "user": user_id,
            "line": line,
            "kind": kind,
            "subject": subject_id,
            "dedupe": f"{kind}:{subject_id}",
            "facts": json.dumps(facts, default=str),
            "now": now,
        },
    ).scalar_one_or_none()
    if told is not None:
        outbox.add(session, MAIL, {"notification_id": str(told)}, now)


def addressed(session: Session, notification_id: UUID) -> Addressed:
    return Addressed(*session.execute(_READ, {"id": notification_id}).one())


def mailed(session: Session, notification_id: UUID, now: datetime) -> None:
    session.execute(_MAILED, {"id": notification_id, "now": now})
