"""PhonePe PG v2's (Standard Checkout) wire format: requests, responses, webhooks; pure functions.

Sources: PhonePe's pages "Initiate Payment", "Check Order Status", "Initiate Refund and Check Refund Status",
"Webhook Handling", "Generate Authorization Token". Requests are plain JSON with an access token; nothing is signed.
Only an order's root `state` counts. Attempts may fail in an order that is still open, samples show an errorCode on a
paid order, and an event may be named completed while the state is not.
"""

import hmac
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from infra.phonepe.reading import mapping, paise, text, word
from shared.kit.settings import Keys
from shared.payments.gateway import GatewayAnswer, GatewayStatus, Order, RefundOrder

TOKEN_PATH, PAY_PATH, REFUND_PATH = "/v1/oauth/token", "/checkout/v2/pay", "/payments/v2/refund"
SHORTEST, LONGEST = 300, 3_600  # seconds a pay page may stay open

# every other state, known or new, means pending
_STATUSES = {"COMPLETED": GatewayStatus.SUCCEEDED, "FAILED": GatewayStatus.FAILED}
_GIVEN_UP = "TXN_AUTO_FAILED"  # the bank did not respond in time, and may still do so


def payment_path(our_id: str) -> str:
    return f"/checkout/v2/order/{our_id}/status?details=false"


def refund_path(our_id: str) -> str:
    return f"{REFUND_PATH}/{our_id}/status"


def pay_request(order: Order) -> dict[str, Any]:
    return {
        "merchantOrderId": order.merchant_txn_id,
        "amount": order.amount,
        "expireAfter": min(max(order.open_seconds, SHORTEST), LONGEST),
        "paymentFlow": {"type": "PG_CHECKOUT", "merchantUrls": {"redirectUrl": order.return_url}},
    }


def refund_request(order: RefundOrder) -> dict[str, Any]:
    return {
        "merchantRefundId": order.merchant_refund_id,
        "originalMerchantOrderId": order.merchant_txn_id,
        "amount": order.amount,
    }


def page_url(answer: Mapping[str, Any]) -> str | None:
    """Return the pay page's URL from an accepted pay response, else None."""
    return text(answer.get("redirectUrl")) if text(answer.get("orderId")) else None


def code_of(answer: Mapping[str, Any]) -> str:
    """Return the error code; empty if there is none."""
    return word(answer.get("code")) or word(answer.get("errorCode"))


def not_found(code: str) -> GatewayAnswer:
    return GatewayAnswer(GatewayStatus.NOT_FOUND, code)


def refused(code: str) -> GatewayAnswer:
    return GatewayAnswer(GatewayStatus.FAILED, code, raw={"code": code})


def payment_answer(answer: Mapping[str, Any], merchant: str, our_id: str) -> GatewayAnswer:
    """Parse an order's status; merchant and order id may be absent, because the access token is for one merchant."""
    identity = _identity(answer, merchantId=merchant, merchantOrderId=our_id)
    return _answer(answer, identity, text(answer.get("orderId")))


def refund_answer(answer: Mapping[str, Any], merchant: str, our_id: str) -> GatewayAnswer:
    """Parse a refund's status, or the response to a refund request; CONFIRMED means accepted, and may still fail."""
    identity = _identity(answer, merchantId=merchant, merchantRefundId=our_id)
    return _answer(answer, identity, text(answer.get("refundId")))


def _identity(answer: Mapping[str, Any], **expected: str) -> list[str | None]:
    """Return the response's value of each field; an absent field counts as the expected value."""
    return [value if answer.get(name) is None else text(answer[name]) for name, value in expected.items()]


def _answer(answer: Mapping[str, Any], identity: list[str | None], their_id: str | None) -> GatewayAnswer:
    merchant, our_id = identity
    state, reason = word(answer.get("state")), word(answer.get("errorCode"))
    status = _STATUSES.get(state, GatewayStatus.PENDING)
    detail, amount, attempt = (
        text(answer.get("detailedErrorCode")),
        paise(answer.get("amount")),
        _attempt(answer, state),
    )
    fee = paise(answer.get("feeAmount"))
    return GatewayAnswer(
        status=status,
        code=(reason if status is GatewayStatus.FAILED else state) or state or code_of(answer),
        merchant=merchant,
        merchant_txn_id=our_id,
        amount=amount,
        gateway_txn_id=their_id,
        bank_reference=text(mapping(attempt.get("rail")).get("utr")),
        method=text(attempt.get("paymentMode")),
        fee=paise(attempt.get("feeAmount")) if fee is None else fee,
        may_still_succeed=status is GatewayStatus.FAILED and _GIVEN_UP in {reason, detail},
        raw={
            "state": state,
            "errorCode": reason or None,
            "detailedErrorCode": detail,
            "amount": amount,
            "transactionId": text(attempt.get("transactionId")),
        },
    )


def _attempt(answer: Mapping[str, Any], state: str) -> dict[str, Any]:
    """Return the attempt with the order's state, or else the latest."""
    details = answer.get("paymentDetails")
    attempts = [mapping(each) for each in details] if isinstance(details, list) else []
    decisive = [each for each in attempts if each.get("state") == state]
    return (decisive or attempts or [{}])[-1]


def is_ours(header: str, users: Keys) -> bool:
    """Tell whether a webhook's Authorization is the hash of one of our `username:password`; constant time.

    The hash is constant, so it proves nothing about the body, whose content is not trusted.
    """
    given = header.encode()
    return sum(hmac.compare_digest(_credential_hash(*user), given) for user in users.by_id.items()) > 0  # no early end


def _credential_hash(username: str, password: str) -> bytes:
    return sha256(f"{username}:{password}".encode()).hexdigest().encode()


def our_id(raw: bytes) -> str:
    """Return our id of a webhook's refund or order, from the payload's root; empty if there is none."""
    try:
        payload = mapping(mapping(json.loads(raw)).get("payload"))
    except (ValueError, RecursionError):
        return ""
    return text(payload.get("merchantRefundId")) or text(payload.get("merchantOrderId")) or ""
