"""PhonePe PG v2 (Standard Checkout) on the wire: requests, answers, webhooks; pure.

Sources: PhonePe's pages "Initiate Payment", "Check Order Status", "Initiate Refund and Check Refund Status",
"Webhook Handling", "Generate Authorization Token". Requests are plain JSON under an access token; nothing is signed.
An order's root `state` is its only truth. The attempts inside it fail while it lives, samples show an errorCode on an
order that was paid, and an event may be called completed while the state is not.
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
SHORTEST, LONGEST = 300, 3_600  # seconds a page of theirs may be open

# every other state, known or new, is pending
_STATUSES = {"COMPLETED": GatewayStatus.SUCCEEDED, "FAILED": GatewayStatus.FAILED}
_GIVEN_UP = "TXN_AUTO_FAILED"  # the bank said nothing in time; it may say something later


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
    """Return the address of the pay page in an accepted answer to a pay call, else None."""
    return text(answer.get("redirectUrl")) if text(answer.get("orderId")) else None


def code_of(answer: Mapping[str, Any]) -> str:
    """Return the vendor's word for an error; empty where there is none."""
    return word(answer.get("code")) or word(answer.get("errorCode"))


def not_found(code: str) -> GatewayAnswer:
    return GatewayAnswer(GatewayStatus.NOT_FOUND, code)


def refused(code: str) -> GatewayAnswer:
    return GatewayAnswer(GatewayStatus.FAILED, code, raw={"code": code})


def payment_answer(answer: Mapping[str, Any], merchant: str, our_id: str) -> GatewayAnswer:
    """Read the status of an order; who it belongs to may be left out, as the access token speaks for one merchant."""
    about = _about(answer, merchantId=merchant, merchantOrderId=our_id)
    return _answer(answer, about, text(answer.get("orderId")))


def refund_answer(answer: Mapping[str, Any], merchant: str, our_id: str) -> GatewayAnswer:
    """Read the status of a refund, or the answer to asking for one; CONFIRMED is accepted, and may still fail."""
    about = _about(answer, merchantId=merchant, merchantRefundId=our_id)
    return _answer(answer, about, text(answer.get("refundId")))


def _about(answer: Mapping[str, Any], **expected: str) -> list[str | None]:
    """Return what is said of each name, and what is expected where nothing is: only another word is a difference."""
    return [mine if answer.get(name) is None else text(answer[name]) for name, mine in expected.items()]


def _answer(answer: Mapping[str, Any], about: list[str | None], their_id: str | None) -> GatewayAnswer:
    merchant, our_id = about
    state, reason = word(answer.get("state")), word(answer.get("errorCode"))
    status = _STATUSES.get(state, GatewayStatus.PENDING)
    detail, amount, tried = text(answer.get("detailedErrorCode")), paise(answer.get("amount")), _tried(answer, state)
    fee = paise(answer.get("feeAmount"))
    return GatewayAnswer(
        status=status,
        code=(reason if status is GatewayStatus.FAILED else state) or state or code_of(answer),
        merchant=merchant,
        merchant_txn_id=our_id,
        amount=amount,
        gateway_txn_id=their_id,
        bank_reference=text(mapping(tried.get("rail")).get("utr")),
        method=text(tried.get("paymentMode")),
        fee=paise(tried.get("feeAmount")) if fee is None else fee,
        may_still_succeed=status is GatewayStatus.FAILED and _GIVEN_UP in {reason, detail},
        raw={
            "state": state,
            "errorCode": reason or None,
            "detailedErrorCode": detail,
            "amount": amount,
            "transactionId": text(tried.get("transactionId")),
        },
    )


def _tried(answer: Mapping[str, Any], state: str) -> dict[str, Any]:
    """Return the attempt that made the order what it is, or else the latest."""
    details = answer.get("paymentDetails")
    tried = [mapping(each) for each in details] if isinstance(details, list) else []
    decisive = [each for each in tried if each.get("state") == state]
    return (decisive or tried or [{}])[-1]


def is_ours(header: str, users: Keys) -> bool:
    """Tell whether a webhook's Authorization is the hash of one of our `username:password`; constant time.

    It is a constant word: it proves nothing about the body, which is a hint and no more.
    """
    given = header.encode()
    return sum(hmac.compare_digest(_word_of(*user), given) for user in users.by_id.items()) > 0  # no early end


def _word_of(username: str, password: str) -> bytes:
    return sha256(f"{username}:{password}".encode()).hexdigest().encode()


def our_id(raw: bytes) -> str:
    """Return our id of the refund or the order a webhook speaks of, by its root alone; empty where there is none."""
    try:
        payload = mapping(mapping(json.loads(raw)).get("payload"))
    except (ValueError, RecursionError):
        return ""
    return text(payload.get("merchantRefundId")) or text(payload.get("merchantOrderId")) or ""
