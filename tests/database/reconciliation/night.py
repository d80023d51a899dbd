"""The report's times, rows and notifications."""

import base64
import json
from datetime import date, timedelta

from shared.inbox import queries as inbox

TODAY = date(2026, 11, 20)
NIGHT = timedelta(hours=16)  # 02:30 of the next day in Mumbai


def exceptions(make):
    return make.rows("select kind, subject_id, booking_id, closed_at is null from exceptions order by created_at")


def receive_notification(db, handle_messages, named, now):
    """Store a signed notification about an id."""
    content = base64.b64encode(json.dumps({"data": {"merchantTransactionId": named}}).encode()).decode()
    with db.transaction() as session:
        assert inbox.receive(session, "phonepe", json.dumps({"response": content}).encode(), "payments.callback", now)
    handle_messages("payments.callback")
