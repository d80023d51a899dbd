from datetime import datetime
from typing import Any
from uuid import UUID

from functions import wiring
from shared.notifications import queries
from shared.notifications.mail import Mail


def mail(payload: dict[str, Any], now: datetime) -> None:
    """Mail a notification, worded by its line; the mail's id is the notification's, so that a repetition shows."""
    with wiring.database().reading() as session:
        told = queries.addressed(session, UUID(payload["notification_id"]))
    if told.mailed_at is not None or told.email is None:
        return
    letter = wiring.line(told.line).letter(told.kind, told.facts, told.name)
    wiring.mailer().send(Mail(told.email, letter.subject, letter.text(), letter.html(), str(told.id)))
    with wiring.database().transaction() as session:
        queries.mailed(session, told.id, now)
