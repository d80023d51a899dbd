"""Requests of v1: parses the payloads of pay and refund by the published rules.

A violated rule raises RefusedError with the code BAD_REQUEST and the field's name. Unknown fields are ignored.
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from infra.local.phonepe.answers import RefusedError
from infra.local.phonepe.store import Api

LEAST_AMOUNT = 100
MOST_AMOUNT = 10**12

_TRANSACTION_ID = re.compile(r"[A-Za-z0-9_-]{1,34}")
_USER_ID = re.compile(r"[A-Za-z0-9_-]{1,35}")
_URL = re.compile(r"https?://[!-~]+")


@dataclass(frozen=True)
class PayOrder:
    id: str
    amount: int
    redirect_url: str
    redirect_mode: str
    callback_url: str | None
    api: Api = "v1"
    open_seconds: float | None = None


@dataclass(frozen=True)
class RefundOrder:
    id: str
    original_id: str
    amount: int
    callback_url: str | None
    api: Api = "v1"


def decode(encoded: str) -> dict[str, Any]:
    """Return the payload from standard, padded base64 of a JSON object."""
    try:
        payload = json.loads(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError) as error:
        raise bad("request", "must be the base64 of a JSON object") from error
    if not isinstance(payload, dict):
        raise bad("request", "must be the base64 of a JSON object")
    return payload


def read_pay(payload: dict[str, Any], merchant_id: str) -> PayOrder:
    _check_merchant(payload, merchant_id)
    _check_instrument(payload)
    redirect_mode = payload.get("redirectMode")
    if redirect_mode not in ("REDIRECT", "POST"):
        raise bad("redirectMode", "must be REDIRECT or POST")
    return PayOrder(
        id=_transaction_id(payload, "merchantTransactionId"),
        amount=amount(payload),
        redirect_url=url(payload, "redirectUrl"),
        redirect_mode=redirect_mode,
        callback_url=url(payload, "callbackUrl"),
    )


def read_refund(payload: dict[str, Any], merchant_id: str) -> RefundOrder:
    _check_merchant(payload, merchant_id)
    order = RefundOrder(
        id=_transaction_id(payload, "merchantTransactionId"),
        original_id=_transaction_id(payload, "originalTransactionId"),
        amount=amount(payload),
        callback_url=url(payload, "callbackUrl") if payload.get("callbackUrl") is not None else None,
    )
    if order.id == order.original_id:
        raise bad("merchantTransactionId", "must differ from the payment's")
    return order


def _check_merchant(payload: dict[str, Any], merchant_id: str) -> None:
    if payload.get("merchantId") != merchant_id:
        raise bad("merchantId", "is not known")
    user_id = payload.get("merchantUserId")
    if user_id is not None and not (isinstance(user_id, str) and _USER_ID.fullmatch(user_id)):
        raise bad("merchantUserId", "must be less than 36 letters, digits, _ or -")


def _check_instrument(payload: dict[str, Any]) -> None:
    instrument = payload.get("paymentInstrument")
    if not isinstance(instrument, dict):
        raise bad("paymentInstrument", "is missing")
    if instrument.get("type") != "PAY_PAGE":
        raise bad("paymentInstrument.type", "must be PAY_PAGE: this stand-in has no other instrument")


def _transaction_id(payload: dict[str, Any], name: str) -> str:
    value = payload.get(name)
    if not (isinstance(value, str) and _TRANSACTION_ID.fullmatch(value)):
        raise bad(name, "must be less than 35 letters, digits, _ or -")
    return value


def amount(payload: dict[str, Any]) -> int:
    value = payload.get("amount")
    if type(value) is not int or not LEAST_AMOUNT <= value <= MOST_AMOUNT:  # a bool is an int in Python, but no amount
        raise bad("amount", f"must be a whole number of paise, {LEAST_AMOUNT} at least")
    return value


def url(payload: dict[str, Any], name: str) -> str:
    value = payload.get(name)
    if isinstance(value, str) and _URL.fullmatch(value) and _has_host(value):
        return value
    raise bad(name, "must be an absolute http or https address")


def _has_host(address: str) -> bool:
    try:
        return bool(urlsplit(address).hostname)
    except ValueError:
        return False


def bad(field: str, rule: str) -> RefusedError:
    return RefusedError("BAD_REQUEST", f"{field} {rule}")
