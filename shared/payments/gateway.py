"""The interface of a payment gateway; a vendor's client fills it in."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from shared.kit.errors import DependencyDown

SMALLEST = 1_00  # paise: a gateway refunds ₹1 or more, and nothing under ₹1 is left behind


class GatewayStatus(StrEnum):
    """The status of a payment or a refund at a gateway. A status that is not explicit is PENDING."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    PENDING = "pending"
    NOT_FOUND = "not_found"


@dataclass(frozen=True)
class Order:
    """A payment to be collected: our id (also the idempotency key), paise, and an opaque id of the payer.

    `open_seconds` is how long its page may be paid on, where the gateway lets us say so, within the gateway's bounds.
    """

    merchant_txn_id: str
    amount: int
    payer: str
    return_url: str
    open_seconds: int = 1_500


@dataclass(frozen=True)
class RefundOrder:
    """Money to be sent back: our id of the refund, our id of the payment it belongs to, paise."""

    merchant_refund_id: str
    merchant_txn_id: str
    amount: int


@dataclass(frozen=True)
class GatewayAnswer:
    """A gateway's answer, with the payment it names: only a match with what we asked may move money.

    `amount` and `fee` (what the gateway keeps of a payment, where it says so) are paise. `code` is the gateway's own
    word, for people and logs. `may_still_succeed` marks a failure that later turned out to be a success often enough to
    be asked about again; `raw` is kept with the row.
    """

    status: GatewayStatus
    code: str
    merchant: str | None = None
    merchant_txn_id: str | None = None
    amount: int | None = None
    currency: str = "INR"
    gateway_txn_id: str | None = None
    bank_reference: str | None = None
    method: str | None = None
    fee: int | None = None
    may_still_succeed: bool = False
    raw: dict[str, Any] = field(default_factory=dict)


class GatewayUnavailable(DependencyDown):
    """No usable answer: the request may or may not have taken effect. Query by our id, never send anew."""

    code, title = "gateway_unavailable", "The payment service is unavailable"

    def __init__(self, reason: str) -> None:
        super().__init__("The payment service gave no answer. Nothing is lost: try again in a moment.")
        self.reason = reason


class GatewayRefused(Exception):
    """The gateway refused the request explicitly: nothing was begun. `code` is its own word."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Gateway(Protocol):
    """One merchant's account at one gateway. Each call uses the network and must be outside a transaction."""

    @property
    def name(self) -> str: ...

    @property
    def merchant(self) -> str: ...

    def start(self, order: Order) -> str:
        """Return the address of a page to pay on; raises GatewayRefused or GatewayUnavailable."""

    def payment(self, merchant_txn_id: str) -> GatewayAnswer:
        """Return the gateway's status of a payment; raises GatewayUnavailable."""

    def refund(self, order: RefundOrder) -> GatewayAnswer:
        """Ask for a refund, once per id however often it is called; raises GatewayUnavailable."""

    def refund_status(self, merchant_refund_id: str) -> GatewayAnswer:
        """Return the gateway's status of a refund; raises GatewayUnavailable."""


# The gateway of a name, as each attempt stores it: an attempt is queried and refunded at the gateway that began it.
Gateways = Callable[[str], Gateway]
