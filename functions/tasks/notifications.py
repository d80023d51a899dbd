from datetime import datetime
from typing import Any
from uuid import UUID

from functions import wiring
from shared.kit import log
from shared.notifications import queries
from shared.notifications.mail import Mail
from shared.notifications.notice import Notice, Reader

logger = log.logger(__name__)


def mail(payload: dict[str, Any], now: datetime) -> None:
    """Mail a notification with its line's text, unless its facts are stale.

    The mail's id is the notification's, so that a repeated mail is recognized.
    """
    with wiring.database().reading() as session:
        notification = queries.with_recipient(session, UUID(payload["notification_id"]))
        if notification.mailed_at is not None or notification.email is None:
            return
        line = wiring.line(notification.line)
        notice = Notice(notification.kind, notification.subject_id, notification.facts)
        if not line.is_current(session, notice):
            logger.info(
                "stale notification not mailed",
                extra=log.fields(kind=notification.kind, notification_id=str(notification.id)),
            )
            return
    letter = line.letter(notice, Reader(notification.name))
    text, html = letter.text(line.brand), letter.html(line.brand)
    wiring.mailer().send(Mail(notification.email, letter.subject, text, html, str(notification.id)))
    with wiring.database().transaction() as session:
        queries.mark_mailed(session, notification.id, now)
