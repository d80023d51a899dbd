from datetime import datetime
from typing import Any
from uuid import UUID

from functions import gateways, wiring
from shared.inbox import queries as inbox
from shared.payments import refunding, status_polling


def callback(payload: dict[str, Any], now: datetime) -> None:
    """Poll the payment or refund a callback named, and settle by the gateway's answer. An unknown id is recorded."""
    message_id = UUID(payload["inbox_id"])
    with wiring.database().reading() as session:
        source, raw = inbox.message(session, message_id)
    named = gateways.our_id(source, raw)
    outcome = status_polling.poll_by_our_id(wiring.database(), gateways.gateway_named, wiring.line, named, now)
    with wiring.database().transaction() as session:
        inbox.mark_processed(session, message_id, named, outcome, now)


def poll(payload: dict[str, Any], now: datetime) -> None:
    """Poll the gateway about a payment or a refund that has not ended, when its poll is due."""
    status_polling.handle_poll(wiring.database(), gateways.gateway_named, wiring.line, payload, now)


def refund(payload: dict[str, Any], now: datetime) -> None:
    """Send a decided refund to the gateway, or poll its status."""
    refunding.advance(wiring.database(), gateways.gateway_named, wiring.line, UUID(payload["refund_id"]), now)
