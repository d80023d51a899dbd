"""Requests of v2: parses plain JSON by the published rules; unknown fields are ignored."""

import re
from typing import Any

from infra.local.phonepe.payloads import PayOrder, RefundOrder, amount, bad, url

SHORTEST, LONGEST, USUAL = 300, 3_600, 1_800  # seconds an order is open

_ID = re.compile(r"[A-Za-z0-9_-]{1,63}")


def read_pay(payload: dict[str, Any], webhook_url: str | None) -> PayOrder:
    flow = payload.get("paymentFlow")
    if not isinstance(flow, dict) or flow.get("type") != "PG_CHECKOUT":
        raise bad("paymentFlow.type", "must be PG_CHECKOUT: this stand-in has no other flow")
    urls = flow.get("merchantUrls")
    if not isinstance(urls, dict):
        raise bad("paymentFlow.merchantUrls", "is missing")
    return PayOrder(
        id=_id(payload, "merchantOrderId"),
        amount=amount(payload),
        redirect_url=url(urls, "redirectUrl"),
        redirect_mode="REDIRECT",
        callback_url=webhook_url,
        api="v2",
        open_seconds=_open_seconds(payload),
    )


def read_refund(payload: dict[str, Any], webhook_url: str | None) -> RefundOrder:
    order = RefundOrder(
        id=_id(payload, "merchantRefundId"),
        original_id=_id(payload, "originalMerchantOrderId"),
        amount=amount(payload),
        callback_url=webhook_url,
        api="v2",
    )
    if order.id == order.original_id:
        raise bad("merchantRefundId", "must differ from the order's")
    return order


def _id(payload: dict[str, Any], name: str) -> str:
    value = payload.get(name)
    if not (isinstance(value, str) and _ID.fullmatch(value)):
        raise bad(name, "must be at most 63 letters, digits, _ or -")
    return value


def _open_seconds(payload: dict[str, Any]) -> int:
    seconds = payload.get("expireAfter", USUAL)
    if type(seconds) is not int or not SHORTEST <= seconds <= LONGEST:
        raise bad("expireAfter", f"must be {SHORTEST} to {LONGEST} seconds")
    return seconds
