from datetime import datetime
from typing import Any
from uuid import UUID

from functions import gateways, wiring
from shared.inbox import queries as inbox
from shared.payments import following, refunding


def callback(payload: dict[str, Any], now: datetime) -> None:
    """Look into what a callback spoke of: ask the gateway, settle its answer. An id we do not know is noted."""
    message_id = UUID(payload["inbox_id"])
    with wiring.database().reading() as session:
        source, raw = inbox.message(session, message_id)
    named = gateways.our_id(source, raw)
    outcome = following.follow_our_id(wiring.database(), gateways.gateway_named, wiring.line, named, now)
    with wiring.database().transaction() as session:
        inbox.processed(session, message_id, named, outcome, now)


def follow(payload: dict[str, Any], now: datetime) -> None:
    """Ask about a payment or a refund that has not ended, on the rung of its ladder that is due."""
    following.promised(wiring.database(), gateways.gateway_named, wiring.line, payload, now)


def refund(payload: dict[str, Any], now: datetime) -> None:
    """Send a refund that was decided, or ask how it stands."""
    refunding.follow(wiring.database(), gateways.gateway_named, wiring.line, UUID(payload["refund_id"]), now)
