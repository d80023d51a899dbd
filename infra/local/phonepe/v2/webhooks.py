"""The webhooks of v2: an event and its payload, authenticated by a hash of shared credentials."""

import hashlib
import json
from dataclasses import dataclass

from infra.local.phonepe.answers import Body
from infra.local.phonepe.store import COMPLETED, FAILED, PENDING, Transaction
from infra.local.phonepe.v2.answers import describe

EVENTS = {
    ("payment", COMPLETED): "checkout.order.completed",
    ("payment", FAILED): "checkout.order.failed",
    ("refund", PENDING): "pg.refund.accepted",
    ("refund", COMPLETED): "pg.refund.completed",
    ("refund", FAILED): "pg.refund.failed",
}


@dataclass(frozen=True)
class Delivery:
    """A webhook to send: its body, its credentials, the number of copies and the delay."""

    body: Body
    user: str
    password: str
    copies: int = 1
    seconds: float = 0.0

    def sealed(self) -> tuple[str, dict[str, str]]:
        """Return the request's body and its Authorization header, which does not depend on the body."""
        return json.dumps(self.body), {"Authorization": credential_hash(self.user, self.password)}


def credential_hash(user: str, password: str) -> str:
    """Return the header's value: a plain SHA-256 in lower-case hex."""
    return hashlib.sha256(f"{user}:{password}".encode()).hexdigest()


def body_of(merchant_id: str, transaction: Transaction, event: str | None = None) -> Body:
    """Return the webhook's body for a transaction's result, or for an interim event."""
    named = event or EVENTS[transaction.kind, transaction.state]
    return {
        "event": named,
        "type": named.replace(".", "_").upper(),
        "payload": describe(merchant_id, transaction),
    }
