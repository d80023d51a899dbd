"""Injectable faults by name; `v2.faults` has the same faults for v2, and more.

A fault is armed for a number of occasions, of one transaction or of any (see `control`). Its description explains its
optional `value`; the default is the table's. A request takes at most one fault of each group.
"""

import base64
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from infra.local.phonepe.answers import Answer, Body, RefusedError
from infra.local.phonepe.signing import sign
from infra.local.phonepe.store import Armed

T = TypeVar("T")


@dataclass(frozen=True)
class Delivery:
    """A v1 callback to send: its body, the salt that signs it, the number of copies and the delay."""

    body: Body
    salt_key: str
    index: str
    copies: int = 1
    seconds: float = 0.0

    def sealed(self) -> tuple[str, dict[str, str]]:
        """Return the request's body and the header that signs it."""
        response = base64.b64encode(json.dumps(self.body).encode()).decode()
        return json.dumps({"response": response}), {"X-VERIFY": sign(response, self.salt_key, self.index)}


@dataclass(frozen=True)
class Fault(Generic[T]):
    what: str
    change: Callable[[T, float], T]
    value: float = 0.0

    def apply(self, to: T, armed: Armed) -> T:
        return self.change(to, self.value if armed.value is None else armed.value)


def _text(text: str, status: int) -> Callable[[Answer, float], Answer]:
    return lambda _answer, seconds: Answer(text, status, seconds)


def _only(status: int, code: str, message: str) -> Callable[[Answer, float], Answer]:
    return lambda _answer, seconds: replace(RefusedError(code, message, status).answer, seconds=seconds)


def _with_fields(body: Body | str, data: dict[str, Any], **fields: Any) -> Body:
    original = dict(body) if isinstance(body, dict) else {}
    return {**original, **fields, "data": {**original.get("data", {}), **data}}


def _answered(data: dict[str, Any], **fields: Any) -> Callable[[Answer, float], Answer]:
    return lambda answer, seconds: replace(answer, body=_with_fields(answer.body, data, **fields), seconds=seconds)


def _called(data: dict[str, Any], **fields: Any) -> Callable[[Delivery, float], Delivery]:
    return lambda delivery, _: replace(delivery, body=_with_fields(delivery.body, data, **fields))


def _more(body: Body | str) -> int:
    return int(_with_fields(body, {})["data"].get("amount", 0)) + 100


# 1. The operation itself changes; `desk` implements these.
WORK = {
    "pay.unreached": "HTTP 503, and nothing was made",
    "pay.refused": "PAYMENT_ERROR, and nothing was made",
    "pay.callback_first": "the customer has paid and the callback was delivered before pay answers",
    "refund.unreached": "HTTP 503, and nothing was made",
    "refund.fails": "pending at first, then FAILED instead of COMPLETED",
    "refund.stays_pending": "pending for `value` seconds; without a value, until it is settled from outside",
    "refund.excess": "FAILED at once with the response code EXCESS_REFUND_AMOUNT",
    "refund.window_exceeded": "FAILED at once with the code REVERSAL_WINDOW_EXCEEDED",
}

# 2. The operation runs, and its response is wrong. Each exists for pay, status and refund, and is delayed by `value`
#    seconds.
_ANSWER: dict[str, Fault[Answer]] = {
    "timeout": Fault("the right response, far too late", lambda answer, seconds: replace(answer, seconds=seconds), 30),
    "http_500": Fault("HTTP 500 with a line of text", _text("upstream connect error", 500)),
    "empty": Fault("HTTP 200 with an empty body", _text("", 200)),
    "html": Fault("HTTP 200 with a page", _text("<!doctype html><title>Just a moment</title>", 200)),
    "internal_server_error": Fault(
        "INTERNAL_SERVER_ERROR without data", _only(200, "INTERNAL_SERVER_ERROR", "Something went wrong")
    ),
    "rate_limited": Fault("HTTP 429", _only(429, "API_RATE_LIMIT_REACHED", "Too many requests")),
    "not_found": Fault(
        "TRANSACTION_NOT_FOUND, of a transaction that is there", _only(404, "TRANSACTION_NOT_FOUND", "No transaction")
    ),
    "unauthorized": Fault("the code 401 of a wrong salt", _only(401, "401", "Unauthorized")),
    "unknown_code": Fault("an unknown code and state", _answered({"state": "HELD"}, code="PAYMENT_HELD")),
    "unknown_fields": Fault(
        "unknown fields", _answered({"riskScore": {"band": 3}, "offers": []}, traceId="5f1c", version=7)
    ),
    "other_amount": Fault(
        "an amount of one rupee more",
        lambda answer, seconds: _answered({"amount": _more(answer.body)})(answer, seconds),
    ),
    "other_merchant": Fault("another merchant's id", _answered({"merchantId": "OTHERMERCHANT"})),
    "other_transaction": Fault("another transaction's id", _answered({"merchantTransactionId": "OTHER-1"})),
}
ANSWER = {f"{stage}.{name}": fault for stage in ("pay", "status", "refund") for name, fault in _ANSWER.items()}

# 3. The transaction is settled, and its callback is wrong.
CALLBACK: dict[str, Fault[Delivery]] = {
    "callback.lost": Fault("never sent", lambda delivery, _: replace(delivery, copies=0)),
    "callback.repeated": Fault(
        "sent `value` times", lambda delivery, times: replace(delivery, copies=int(times)), value=3
    ),
    "callback.delayed": Fault(
        "sent `value` seconds late", lambda delivery, seconds: replace(delivery, seconds=seconds), value=5
    ),
    "callback.bad_signature": Fault(
        "signed with a salt other than the merchant's", lambda delivery, _: replace(delivery, salt_key="forged")
    ),
    "callback.unknown_index": Fault(
        "signed under an index the merchant does not have", lambda delivery, _: replace(delivery, index="99")
    ),
    "callback.other_merchant": Fault("with another merchant's id", _called({"merchantId": "OTHERMERCHANT"})),
    "callback.other_amount": Fault(
        "with one rupee more", lambda delivery, _: _called({"amount": _more(delivery.body)})(delivery, _)
    ),
    "callback.unknown_transaction": Fault("with an unknown transaction", _called({"merchantTransactionId": "OTHER-1"})),
    "callback.claims_success": Fault(
        "reports success, whatever the state",
        _called({"state": "COMPLETED", "responseCode": "SUCCESS"}, success=True, code="PAYMENT_SUCCESS"),
    ),
}

CATALOGUE = WORK | {name: fault.what for name, fault in (ANSWER | CALLBACK).items()}


def of(stage: str, group: Collection[str]) -> list[str]:
    """Return the names of a group's faults of one stage: pay, status, refund or callback."""
    return [name for name in group if name.startswith(f"{stage}.")]
