"""Telling a person something once: the row and the promise to mail it, with the fact they follow from."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text, true, update
from sqlalchemy.orm import Session

from shared.kit.errors import NotFound
from shared.kit.ids import new_id
from shared.kit.paging import PageQuery, Position, after, page_of
from shared.notifications.models import Notification
from shared.outbox import promise
from shared.outbox import queries as outbox

MAIL = "notifications.mail"
MOST_COUNTED = 100  # an app shows "99+"; counting further would cost more the less somebody reads


class NotificationNotFound(NotFound):
    code = "notification_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such notification.")


@dataclass(frozen=True)
class Addressed:
    """A notification with where it goes."""

    id: UUID
    line: str
    kind: str
    subject_id: UUID
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
select n.id, n.line, n.kind, n.subject_id, n.facts, n.mailed_at, u.email, u.name
from notifications n join users u on u.id = n.user_id where n.id = :id
""")
_MAILED = text("update notifications set mailed_at = :now where id = :id and mailed_at is null")


# The same two rows, written by a statement that is sent anyway: `subject` is a CTE that holds the id of what is told of.
TOLD = """
told as (
  insert into notifications (id, user_id, line, kind, subject_id, dedupe_key, facts, created_at)
  select cast(:told as uuid), cast(:told_user as uuid), :told_line, :told_kind, subject.id, :told_kind || ':' || subject.id,
    cast(:told_facts as jsonb), cast(:now as timestamptz) from subject
  returning id
), told_by_mail as (
  insert into outbox (id, kind, payload, created_at, due_at, next_try_at)
  select cast(:told_promise as uuid), :told_mail, jsonb_build_object('notification_id', id), cast(:now as timestamptz),
    cast(:now as timestamptz), cast(:told_next_try as timestamptz) from told
)
"""


def parameters(user_id: UUID, line: str, kind: str, facts: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return the parameters of `TOLD`; once the statement has run, `promised` remembers the mail for after the commit."""
    return {
        "told": new_id(),
        "told_user": user_id,
        "told_line": line,
        "told_kind": kind,
        "told_facts": json.dumps(facts, default=str),
        "told_promise": new_id(),
        "told_mail": MAIL,
        "told_next_try": now + outbox.GRACE,
    }


def promised(session: Session, given: dict[str, Any], now: datetime) -> None:
    promise.promised(session, promise.Promise(given["told_promise"], MAIL, 0, now))


def tell(
    session: Session,
    user_id: UUID,
    line: str,
    kind: str,
    subject_id: UUID,
    facts: dict[str, Any],
    now: datetime,
    *,
    once: str | None = None,
) -> None:
    """Tell a person of one thing that happened to a subject (a booking, a refund); a second time changes nothing.

    `once` names which time it is where the same kind of thing may happen to a subject again (a visit that is moved).
    """
    told = session.execute(
        _TELL,
        {
            "id": new_id(),
            "user": user_id,
            "line": line,
            "kind": kind,
            "subject": subject_id,
            "dedupe": ":".join(filter(None, (kind, str(subject_id), once))),
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


def told(session: Session, user_id: UUID, page: PageQuery, *, unread: bool) -> tuple[list[Notification], str | None]:
    """Return what a person was told, or what of it they have not read, the newest first."""
    own: list[ColumnElement[bool]] = [Notification.user_id == user_id]
    if unread:
        own.append(Notification.read_at.is_(None))
    rows: Sequence[Notification] = session.scalars(
        select(Notification)
        .where(*own, *after(page, Notification.created_at, Notification.id))
        .order_by(Notification.created_at.desc(), Notification.id.desc())
        .limit(page.limit + 1)
    ).all()
    return page_of(rows, page.limit, lambda row: Position(row.created_at, row.id))


def unread_count(session: Session, user_id: UUID) -> int:
    """Return how many a person has not read, counted up to MOST_COUNTED."""
    unread = select(true()).where(Notification.user_id == user_id, Notification.read_at.is_(None)).limit(MOST_COUNTED)
    return session.scalars(select(func.count()).select_from(unread.subquery())).one()


def read(session: Session, user_id: UUID, notification_id: UUID, now: datetime) -> Notification:
    """Note that a person has read one of their own, the first time; raises NotificationNotFound."""
    found: Notification | None = session.scalars(
        update(Notification)
        .where(Notification.id == notification_id, Notification.user_id == user_id)
        .values(read_at=func.coalesce(Notification.read_at, now))
        .returning(Notification)
    ).one_or_none()
    if found is None:
        raise NotificationNotFound
    return found
