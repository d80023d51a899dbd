"""The webhooks of v2: an event and its payload, under a word that both know."""

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
    """A webhook on its way: what it tells, who says so, how often and after how long it goes."""

    body: Body
    user: str
    password: str
    copies: int = 1
    seconds: float = 0.0

    def sealed(self) -> tuple[str, dict[str, str]]:
        """The text that is posted, and the header that says who sends it, whatever it says."""
        return json.dumps(self.body), {"Authorization": word(self.user, self.password)}


def word(user: str, password: str) -> str:
    """The header's value: a plain SHA-256 in lower-case hex."""
    return hashlib.sha256(f"{user}:{password}".encode()).hexdigest()


def told(merchant_id: str, transaction: Transaction, event: str | None = None) -> Body:
    """The body that tells of what became of a transaction, or of an event on its way there."""
    named = event or EVENTS[transaction.kind, transaction.state]
    return {
        "event": named,
        "type": named.replace(".", "_").upper(),
        "payload": describe(merchant_id, transaction),
    }
