"""In-app notifications: a route factory, because each audience has the same two endpoints."""

from uuid import UUID

from functions import wiring
from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.notifications import queries
from shared.notifications.models import Notification
from shared.notifications.notice import Notice, Reader
from shared.notifications.queries import NotificationNotFound
from shared.notifications.schemas import NotificationQuery, NotificationsView, NotificationView


def routes_for(prefix: str, role: str) -> Routes:
    """Return the notification endpoints of one audience."""
    routes = Routes(prefix, role)
    routes.get("/notifications", query=NotificationQuery, answer=NotificationsView)(list_notifications)
    routes.put("/notifications/{notification_id}/read", answer=NotificationView, refuses=(NotificationNotFound,))(
        read_notification
    )
    return routes


def list_notifications(call: Call, query: NotificationQuery) -> NotificationsView:
    """List the caller's notifications, the newest first."""
    with call.reading() as (session, caller):
        rows, cursor = queries.list_for(session, caller.id, query, unread=query.unread)
        unread = queries.unread_count(session, caller.id)
        return NotificationsView(items=[_view(row) for row in rows], next_cursor=cursor, unread_count=unread)


def read_notification(call: Call, notification_id: UUID) -> NotificationView:
    """Mark a notification as read; the first time is recorded."""
    with call.writing() as (session, caller):
        return _view(queries.mark_read(session, caller.id, notification_id, call.now))


def _view(row: Notification) -> NotificationView:
    letter = wiring.line(row.line).letter(Notice(row.kind, row.subject_id, row.facts), Reader())
    return NotificationView(
        id=row.id,
        kind=row.kind,
        title=letter.subject,
        text=letter.summary(),
        booking_id=row.facts.get("booking_id"),
        ref=row.facts.get("ref"),
        created_at=row.created_at,
        read_at=row.read_at,
    )
