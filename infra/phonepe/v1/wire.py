"""PhonePe PG v1's wire format: signatures, envelopes, responses; pure functions.

Sources: PhonePe's pages "PAY API", "Check Status API", "Server to Server Callback", "Validating the X-Verify".
X-VERIFY is plain SHA-256 in lower-case hex, `###`, and the index of the salt. The hashed text differs by message:
pay and refund: base64 of the payload + path + salt · status: path + salt · callback: the `response` field + salt.
"""

import base64
import hmac
import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from infra.phonepe.reading import mapping, paise, text, word
from shared.kit.settings import Keys
from shared.payments.gateway import GatewayAnswer, GatewayStatus, Order, RefundOrder

PAY_PATH, REFUND_PATH = "/pg/v1/pay", "/pg/v1/refund"


@dataclass(frozen=True)
class Signer:
    """Signs with the first salt; verifies with the salt whose index the header names."""

    salts: Keys

    def sign(self, message: str) -> str:
        index, salt = self.salts.current
        return _checksum(message, index, salt)

    def verifies(self, message: str, header: str) -> bool:
        """Tell whether the header is the signature of the message; constant time in the signature."""
        index = header.rpartition("###")[2]
        salt = self.salts.by_id.get(index)
        return salt is not None and hmac.compare_digest(_checksum(message, index, salt).encode(), header.encode())


def _checksum(message: str, index: str, salt: str) -> str:
    return f"{sha256((message + salt).encode()).hexdigest()}###{index}"


def status_path(merchant: str, our_id: str) -> str:
    return f"/pg/v1/status/{merchant}/{our_id}"


def envelope(payload: dict[str, Any]) -> str:
    """Return the base64 of a payload, for both the body and the signature."""
    return base64.b64encode(json.dumps(payload, separators=(",", ":")).encode()).decode()


def pay_payload(order: Order, merchant: str, callback_url: str) -> dict[str, Any]:
    return {
        "merchantId": merchant,
        "merchantTransactionId": order.merchant_txn_id,
        "merchantUserId": order.payer,
        "amount": order.amount,
        "redirectUrl": order.return_url,
        "redirectMode": "REDIRECT",
        "callbackUrl": callback_url,
        "paymentInstrument": {"type": "PAY_PAGE"},
    }


def refund_payload(order: RefundOrder, merchant: str, callback_url: str) -> dict[str, Any]:
    return {
        "merchantId": merchant,
        "originalTransactionId": order.merchant_txn_id,
        "merchantTransactionId": order.merchant_refund_id,
        "amount": order.amount,
        "callbackUrl": callback_url,
    }


def page_url(answer: dict[str, Any], merchant: str, our_id: str) -> str | None:
    """Return the pay page's URL from an accepted pay response; None otherwise, and for another merchant or payment."""
    data = mapping(answer.get("data"))
    ours = (data.get("merchantId", merchant), data.get("merchantTransactionId", our_id)) == (merchant, our_id)
    redirect = mapping(mapping(data.get("instrumentResponse")).get("redirectInfo"))
    return text(redirect.get("url")) if ours and code_of(answer) == "PAYMENT_INITIATED" else None


def code_of(answer: dict[str, Any]) -> str:
    """Return the response's code, a number as its digits; empty if there is none."""
    return word(answer.get("code"))


# Only these codes are final; every other one, known or new, means pending.
_SUCCEEDED = {"PAYMENT_SUCCESS"}
_FAILED = {"PAYMENT_ERROR", "PAYMENT_DECLINED", "PAYMENT_CANCELLED", "TIMED_OUT"}
_REFUND_FAILED = {"PAYMENT_ERROR", "PAYMENT_DECLINED", "REVERSAL_WINDOW_EXCEEDED", "EXCESS_REFUND_AMOUNT"}
_REFUND_REFUSED = _REFUND_FAILED | {"BAD_REQUEST"}


def payment_answer(answer: dict[str, Any]) -> GatewayAnswer:
    """Parse a payment's status; a timeout fails the attempt, which may still succeed days later."""
    return _answer(answer, _FAILED)


def refund_answer(answer: dict[str, Any]) -> GatewayAnswer:
    """Parse a refund's status; a timeout is not a failure, because the refund may have started."""
    return _answer(answer, _REFUND_FAILED)


def refund_request_answer(answer: dict[str, Any]) -> GatewayAnswer:
    """Parse the response to a refund request; an invalid request started no refund."""
    return _answer(answer, _REFUND_REFUSED)


def _status(code: str, failures: set[str]) -> GatewayStatus:
    if code in _SUCCEEDED:
        return GatewayStatus.SUCCEEDED
    if code in failures:
        return GatewayStatus.FAILED
    return GatewayStatus.NOT_FOUND if code == "TRANSACTION_NOT_FOUND" else GatewayStatus.PENDING


def _answer(answer: dict[str, Any], failures: set[str]) -> GatewayAnswer:
    code = code_of(answer)
    data = mapping(answer.get("data"))
    paid_with = mapping(data.get("paymentInstrument"))
    amount = paise(data.get("amount"))
    return GatewayAnswer(
        status=_status(code, failures),
        code=code,
        merchant=text(data.get("merchantId")),
        merchant_txn_id=text(data.get("merchantTransactionId")),
        amount=amount,
        gateway_txn_id=text(data.get("transactionId")),
        bank_reference=text(paid_with.get("utr") or paid_with.get("bankTransactionId")),
        method=text(paid_with.get("type")),
        may_still_succeed=code == "TIMED_OUT",
        raw={
            "code": code,
            "state": text(data.get("state")),
            "responseCode": text(data.get("responseCode")),
            "amount": amount,
        },
    )


def is_authentic(raw: bytes, header: str, signer: Signer) -> bool:
    """Tell whether a callback's `response` field is signed with one of our salts; False for anything unreadable.

    Its content is not trusted: the status is queried.
    """
    try:
        response = json.loads(raw)["response"]
        return isinstance(response, str) and signer.verifies(response, header)
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def our_id(raw: bytes) -> str:
    """Return our id from a callback's body; empty if there is none. Its signature was verified when it was stored."""
    try:
        content = json.loads(base64.b64decode(json.loads(raw)["response"], validate=True))
        return text(mapping(mapping(content).get("data")).get("merchantTransactionId")) or ""
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
