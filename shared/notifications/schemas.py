from datetime import datetime
from uuid import UUID

from shared.kit.paging import PageQuery, PageView
from shared.kit.schemas import View


class NotificationQuery(PageQuery):
    unread: bool = False


class NotificationView(View):
    """One notification of a user: `title` and `text` are those of the mail, without its greeting and its table."""

    id: UUID
    kind: str
    title: str
    text: str
    booking_id: UUID | None
    ref: str | None
    created_at: datetime
    read_at: datetime | None


class NotificationsView(PageView[NotificationView]):
    """A page of a user's notifications; `unread_count` covers all pages, up to 100."""

    unread_count: int
