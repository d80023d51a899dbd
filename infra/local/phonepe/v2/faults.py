"""The faults of v2: v1's faults by the same names in v2's format, and v2's own."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from infra.local.phonepe import faults as v1
from infra.local.phonepe.answers import Answer, Body, RefusedError
from infra.local.phonepe.faults import Fault
from infra.local.phonepe.v2.webhooks import Delivery


def _with_fields(body: Body | str, **fields: Any) -> Body:
    """Return the body with other fields; None removes one."""
    changed = {**body, **fields} if isinstance(body, dict) else fields
    return {name: value for name, value in changed.items() if value is not None}


def _answered(**fields: Any) -> Callable[[Answer, float], Answer]:
    return lambda answer, seconds: replace(answer, body=_with_fields(answer.body, **fields), seconds=seconds)


def _only(status: int, code: str, message: str) -> Callable[[Answer, float], Answer]:
    return lambda _answer, seconds: replace(RefusedError(code, message, status).answer, seconds=seconds)


def _another(body: Body | str) -> Body:
    names = {"merchantOrderId", "merchantRefundId"} & set(body if isinstance(body, dict) else ())
    return _with_fields(body, **dict.fromkeys(names, "OTHER-1"))


def _called(**fields: Any) -> Callable[[Delivery, float], Delivery]:
    return lambda delivery, _: replace(
        delivery, body=delivery.body | {"payload": _with_fields(delivery.body["payload"], **fields)}
    )


def _event(event: str, state: str) -> Callable[[Delivery, float], Delivery]:
    def change(delivery: Delivery, _: float) -> Delivery:
        payload = _with_fields(delivery.body["payload"], state=state)
        return replace(delivery, body=delivery.body | {"event": event, "payload": payload})

    return change


def _more(body: Body | str) -> int:
    return int(body.get("amount", 0)) + 100 if isinstance(body, dict) else 0


# 1. The request is not authenticated, and nothing is done; `api` implements these.
WORK = {
    f"{stage}.{name}": what
    for stage in ("pay", "status", "refund")
    for name, what in {
        "unauthorized": "HTTP 403, and nothing was done",
        "revoked": "HTTP 401, and nothing was done: the access token is revoked",
    }.items()
} | {"token.short": "a token that lives for `value` seconds, or for one"}

# 2. The operation runs, and its response is wrong; it is delayed by `value` seconds.
_SAME = ("timeout", "http_500", "empty", "html", "rate_limited")
_ANSWER: dict[str, Fault[Answer]] = {
    **{name: v1.ANSWER[f"status.{name}"] for name in _SAME},
    "internal_server_error": Fault(
        "INTERNAL_SERVER_ERROR", _only(500, "INTERNAL_SERVER_ERROR", "Something went wrong")
    ),
    "not_found": Fault("HTTP 404, of an order that is there", _only(404, "ORDER_NOT_FOUND", "No order found")),
    "conflict": Fault("HTTP 409", _only(409, "CONFLICT", "The request is in flight")),
    "unknown_code": Fault("an unknown code and state", _answered(state="HELD", code="PAYMENT_HELD", redirectUrl=None)),
    "unknown_fields": Fault("unknown fields", _answered(riskScore={"band": 3}, offers=[], traceId="5f1c", version=7)),
    "expired": Fault("a state that is not among the published ones", _answered(state="EXPIRED")),
    "error_code": Fault("an errorCode, whatever the state", _answered(errorCode="TXN_CANCELLED")),
    "anonymous": Fault(
        "without merchant and id", _answered(merchantId=None, merchantOrderId=None, merchantRefundId=None)
    ),
    "other_amount": Fault(
        "an amount of one rupee more",
        lambda answer, seconds: _answered(amount=_more(answer.body))(answer, seconds),
    ),
    "other_merchant": Fault("another merchant's id", _answered(merchantId="OTHERMERCHANT")),
    "other_transaction": Fault(
        "another transaction's id",
        lambda answer, seconds: replace(answer, body=_another(answer.body), seconds=seconds),
    ),
}
_TOKEN: dict[str, Fault[Answer]] = {
    **{name: v1.ANSWER[f"status.{name}"] for name in _SAME},
    "refused": Fault("HTTP 401, as for credentials that are wrong", _only(401, "INVALID_CLIENT", "Invalid client")),
    "eternal": Fault("a token without its expiry", _answered(expires_at=None)),
}
ANSWER = {f"{stage}.{name}": fault for stage in ("pay", "status", "refund") for name, fault in _ANSWER.items()}
ANSWER |= {f"token.{name}": fault for name, fault in _TOKEN.items()}

# 3. An event has happened, and its webhook is wrong.
CALLBACK: dict[str, Fault[Delivery]] = {
    "callback.lost": Fault("never sent", lambda delivery, _: replace(delivery, copies=0)),
    "callback.repeated": Fault(
        "sent `value` times", lambda delivery, times: replace(delivery, copies=int(times)), value=3
    ),
    "callback.delayed": Fault(
        "sent `value` seconds late", lambda delivery, seconds: replace(delivery, seconds=seconds), value=5
    ),
    "callback.bad_signature": Fault(
        "under another password",
        lambda delivery, _: replace(delivery, password="forged1"),  # noqa: S106 - a fault
    ),
    "callback.unknown_index": Fault("under another user", lambda delivery, _: replace(delivery, user="nobody")),
    "callback.other_merchant": Fault("with another merchant's id", _called(merchantId="OTHERMERCHANT")),
    "callback.other_amount": Fault(
        "with one rupee more", lambda delivery, _: _called(amount=_more(delivery.body["payload"]))(delivery, _)
    ),
    "callback.unknown_transaction": Fault(
        "with an unknown order",
        lambda delivery, _: replace(delivery, body=delivery.body | {"payload": _another(delivery.body["payload"])}),
    ),
    "callback.claims_success": Fault(
        "reports success, whatever the state", _event("checkout.order.completed", "COMPLETED")
    ),
    "callback.completed_but_pending": Fault(
        "an event of completion whose state is PENDING", _event("checkout.order.completed", "PENDING")
    ),
    "callback.completed_but_expired": Fault(
        "an event of completion whose state is EXPIRED", _event("checkout.order.completed", "EXPIRED")
    ),
    "callback.unknown_event": Fault(
        "an unknown event", lambda delivery, _: replace(delivery, body=delivery.body | {"event": "pg.moon"})
    ),
}

CATALOGUE = WORK | {name: fault.what for name, fault in (ANSWER | CALLBACK).items()}
