"""The interface of a payment gateway; each vendor's client implements it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from shared.kit.errors import DependencyDown

SMALLEST = 1_00  # paise: the smallest refund, and the smallest rest of a payment after a refund


class GatewayStatus(StrEnum):
    """The status of a payment or a refund at a gateway. Any unclear status is PENDING."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    PENDING = "pending"
    NOT_FOUND = "not_found"


@dataclass(frozen=True)
class Order:
    """A payment to be collected: our id (also the idempotency key), paise, and an opaque id of the payer.

    `open_seconds` is how long its page accepts payment, if the gateway supports it, within the gateway's limits.
    """

    merchant_txn_id: str
    amount: int
    payer: str
    return_url: str
    open_seconds: int = 1_500


@dataclass(frozen=True)
class RefundOrder:
    """A refund to send: our id of the refund, our id of its payment, paise."""

    merchant_refund_id: str
    merchant_txn_id: str
    amount: int


@dataclass(frozen=True)
class GatewayAnswer:
    """A gateway's answer with the payment it names, which must match our request before money moves.

    `amount` and `fee` (the gateway's charge, if reported) are paise. `code` is the gateway's own status code, for admins
    and logs. `may_still_succeed` marks a kind of failure that is polled again, because it often succeeds later. `raw` is
    stored with the row.
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
        super().__init__("The payment service gave no answer. Nothing is lost: please try again in a moment.")
        self.reason = reason


class GatewayRefused(Exception):
    """The gateway refused the request explicitly and started nothing. `code` is the gateway's own status code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Gateway(Protocol):
    """One merchant's account at one gateway. Each method calls the network, so call it outside a transaction."""

    @property
    def name(self) -> str: ...

    @property
    def merchant(self) -> str: ...

    def start(self, order: Order) -> str:
        """Return the address of a page to pay on; raises GatewayRefused or GatewayUnavailable."""

    def payment(self, merchant_txn_id: str) -> GatewayAnswer:
        """Return the gateway's status of a payment; raises GatewayUnavailable."""

    def refund(self, order: RefundOrder) -> GatewayAnswer:
        """Request a refund; idempotent by its id. Raises GatewayUnavailable."""

    def refund_status(self, merchant_refund_id: str) -> GatewayAnswer:
        """Return the gateway's status of a refund; raises GatewayUnavailable."""


# Returns the gateway with a name: each attempt stores the name, to be queried and refunded at the same gateway.
Gateways = Callable[[str], Gateway]
