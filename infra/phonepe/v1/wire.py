"""PhonePe PG v1 on the wire: signatures, envelopes, answers; pure.

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
    """Signs with the first salt; verifies with the one whose index the other side names."""

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
    """Return the base64 of a payload: computed once, sent and signed as it is."""
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
    """Return the address of the pay page in an accepted answer to a pay call, else None; another's page is none."""
    data = mapping(answer.get("data"))
    ours = (data.get("merchantId", merchant), data.get("merchantTransactionId", our_id)) == (merchant, our_id)
    redirect = mapping(mapping(data.get("instrumentResponse")).get("redirectInfo"))
    return text(redirect.get("url")) if ours and code_of(answer) == "PAYMENT_INITIATED" else None


def code_of(answer: dict[str, Any]) -> str:
    """Return the vendor's word for an answer, a number as its digits; empty where there is none."""
    return word(answer.get("code"))


# Only these words end anything; every other one, known or new, leaves it pending.
_SUCCEEDED = {"PAYMENT_SUCCESS"}
_FAILED = {"PAYMENT_ERROR", "PAYMENT_DECLINED", "PAYMENT_CANCELLED", "TIMED_OUT"}
_REFUND_FAILED = {"PAYMENT_ERROR", "PAYMENT_DECLINED", "REVERSAL_WINDOW_EXCEEDED", "EXCESS_REFUND_AMOUNT"}
_REFUND_REFUSED = _REFUND_FAILED | {"BAD_REQUEST"}


def payment_answer(answer: dict[str, Any]) -> GatewayAnswer:
    """Read a status answer about a payment; a timeout fails the attempt, and may turn into a success days later."""
    return _answer(answer, _FAILED)


def refund_answer(answer: dict[str, Any]) -> GatewayAnswer:
    """Read a status answer about a refund; a timeout is no failure here: the refund may have begun."""
    return _answer(answer, _REFUND_FAILED)


def refund_asked_answer(answer: dict[str, Any]) -> GatewayAnswer:
    """Read the answer to asking for a refund: a request that was no good began nothing."""
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
    """Tell whether a callback is signed with a salt of ours, over its field as received; never of what is none.

    Nothing else it says is believed: the status is queried.
    """
    try:
        response = json.loads(raw)["response"]
        return isinstance(response, str) and signer.verifies(response, header)
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def our_id(raw: bytes) -> str:
    """Return our id in a callback's body, whose signature was verified when it was stored; empty where there is none."""
    try:
        content = json.loads(base64.b64decode(json.loads(raw)["response"], validate=True))
        return text(mapping(mapping(content).get("data")).get("merchantTransactionId")) or ""
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
