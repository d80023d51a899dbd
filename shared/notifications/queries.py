"""Notify a user once: the row and the outbox message that mails it, written in the transaction of their cause."""

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
from shared.outbox import pending
from shared.outbox import queries as outbox

MAIL = "notifications.mail"
MOST_COUNTED = 100  # an app shows "99+"; counting all rows would slow down users with many unread notifications


class NotificationNotFound(NotFound):
    code = "notification_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such notification.")


@dataclass(frozen=True)
class AddressedNotification:
    """A notification with its recipient's address and name."""

    id: UUID
    line: str
    kind: str
    subject_id: UUID
    facts: dict[str, Any]
    mailed_at: datetime | None
    email: str | None
    name: str | None


_NOTIFY = text("""
insert into notifications (id, user_id, line, kind, subject_id, dedupe_key, facts, created_at)
values (:id, :user, :line, :kind, :subject, :dedupe, cast(:facts as jsonb), :now)
on conflict (user_id, dedupe_key) do nothing returning id
""")
_READ = text("""
select n.id, n.line, n.kind, n.subject_id, n.facts, n.mailed_at, u.email, u.name
from notifications n join users u on u.id = n.user_id where n.id = :id
""")
_MAILED = text("update notifications set mailed_at = :now where id = :id and mailed_at is null")


# `notify` as CTEs for a larger statement, in which the CTE `subject` selects the id of the notification's subject.
NOTIFY_CTE = """
notified as (
  insert into notifications (id, user_id, line, kind, subject_id, dedupe_key, facts, created_at)
  select cast(:notify_id as uuid), cast(:notify_user as uuid), :notify_line, :notify_kind, subject.id, :notify_kind || ':' || subject.id,
    cast(:notify_facts as jsonb), cast(:now as timestamptz) from subject
  returning id
), mail_enqueued as (
  insert into outbox (id, kind, payload, created_at, due_at, next_try_at)
  select cast(:notify_message as uuid), :notify_mail, jsonb_build_object('notification_id', id), cast(:now as timestamptz),
    cast(:now as timestamptz), cast(:notify_next_try as timestamptz) from notified
)
"""


def parameters(user_id: UUID, line: str, kind: str, facts: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return the parameters of `NOTIFY_CTE`; after the statement, call `mail_after_commit` with them."""
    return {
        "notify_id": new_id(),
        "notify_user": user_id,
        "notify_line": line,
        "notify_kind": kind,
        "notify_facts": json.dumps(facts, default=str),
        "notify_message": new_id(),
        "notify_mail": MAIL,
        "notify_next_try": now + outbox.GRACE,
    }


def mail_after_commit(session: Session, given: dict[str, Any], now: datetime) -> None:
    pending.send_after_commit(session, pending.PendingMessage(given["notify_message"], MAIL, 0, now))


def notify(
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
    """Notify a user of an event of a subject (a booking, a refund); a repetition changes nothing.

    `once` distinguishes events of one kind and subject that may recur, for example reschedules.
    """
    notified = session.execute(
        _NOTIFY,
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
    if notified is not None:
        outbox.enqueue(session, MAIL, {"notification_id": str(notified)}, now)


def with_recipient(session: Session, notification_id: UUID) -> AddressedNotification:
    return AddressedNotification(*session.execute(_READ, {"id": notification_id}).one())


def mark_mailed(session: Session, notification_id: UUID, now: datetime) -> None:
    session.execute(_MAILED, {"id": notification_id, "now": now})


def list_for(
    session: Session, user_id: UUID, page: PageQuery, *, unread: bool
) -> tuple[list[Notification], str | None]:
    """Return a page of a user's notifications, all or the unread ones, the newest first."""
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
    """Return how many notifications a user has not read, counted up to MOST_COUNTED."""
    unread = select(true()).where(Notification.user_id == user_id, Notification.read_at.is_(None)).limit(MOST_COUNTED)
    return session.scalars(select(func.count()).select_from(unread.subquery())).one()


def mark_read(session: Session, user_id: UUID, notification_id: UUID, now: datetime) -> Notification:
    """Mark a user's own notification as read, at its first reading; raises NotificationNotFound."""
    found: Notification | None = session.scalars(
        update(Notification)
        .where(Notification.id == notification_id, Notification.user_id == user_id)
        .values(read_at=func.coalesce(Notification.read_at, now))
        .returning(Notification)
    ).one_or_none()
    if found is None:
        raise NotificationNotFound
    return found
