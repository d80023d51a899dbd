from datetime import datetime
from typing import Any
from uuid import UUID

from functions import wiring
from shared.kit import log
from shared.notifications import queries
from shared.notifications.mail import Mail

logger = log.logger(__name__)


def mail(payload: dict[str, Any], now: datetime) -> None:
    """Mail a notification, worded by its line, unless what it says has been overtaken meanwhile.

    The mail's id is the notification's, so that a repetition shows.
    """
    with wiring.database().reading() as session:
        told = queries.addressed(session, UUID(payload["notification_id"]))
        if told.mailed_at is not None or told.email is None:
            return
        line = wiring.line(told.line)
        if not line.is_current(session, told.kind, told.subject_id, told.facts):
            logger.info("no longer true, not mailed", extra=log.fields(kind=told.kind, notification_id=str(told.id)))
            return
    letter = line.letter(told.kind, told.facts, told.name)
    wiring.mailer().send(Mail(told.email, letter.subject, letter.text(), letter.html(), str(told.id)))
    with wiring.database().transaction() as session:
        queries.mailed(session, told.id, now)
