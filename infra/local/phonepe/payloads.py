"""What a merchant may ask for: the decoded payloads of pay and refund, held to the published rules.

Every rule broken is a RefusedError with the code BAD_REQUEST that names the field. Unknown fields are let through.
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from infra.local.phonepe.answers import RefusedError

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
    callback_url: str


@dataclass(frozen=True)
class RefundOrder:
    id: str
    original_id: str
    amount: int
    callback_url: str | None


def decode(encoded: str) -> dict[str, Any]:
    """The payload behind standard, padded base64 of a JSON object."""
    try:
        payload = json.loads(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError) as error:
        raise _bad("request", "must be the base64 of a JSON object") from error
    if not isinstance(payload, dict):
        raise _bad("request", "must be the base64 of a JSON object")
    return payload


def read_pay(payload: dict[str, Any], merchant_id: str) -> PayOrder:
    _check_merchant(payload, merchant_id)
    _check_instrument(payload)
    redirect_mode = payload.get("redirectMode")
    if redirect_mode not in ("REDIRECT", "POST"):
        raise _bad("redirectMode", "must be REDIRECT or POST")
    return PayOrder(
        id=_transaction_id(payload, "merchantTransactionId"),
        amount=_amount(payload),
        redirect_url=_url(payload, "redirectUrl"),
        redirect_mode=redirect_mode,
        callback_url=_url(payload, "callbackUrl"),
    )


def read_refund(payload: dict[str, Any], merchant_id: str) -> RefundOrder:
    _check_merchant(payload, merchant_id)
    order = RefundOrder(
        id=_transaction_id(payload, "merchantTransactionId"),
        original_id=_transaction_id(payload, "originalTransactionId"),
        amount=_amount(payload),
        callback_url=_url(payload, "callbackUrl") if payload.get("callbackUrl") is not None else None,
    )
    if order.id == order.original_id:
        raise _bad("merchantTransactionId", "must differ from the payment's")
    return order


def _check_merchant(payload: dict[str, Any], merchant_id: str) -> None:
    if payload.get("merchantId") != merchant_id:
        raise _bad("merchantId", "is not known")
    user_id = payload.get("merchantUserId")
    if user_id is not None and not (isinstance(user_id, str) and _USER_ID.fullmatch(user_id)):
        raise _bad("merchantUserId", "must be less than 36 letters, digits, _ or -")


def _check_instrument(payload: dict[str, Any]) -> None:
    instrument = payload.get("paymentInstrument")
    if not isinstance(instrument, dict):
        raise _bad("paymentInstrument", "is missing")
    if instrument.get("type") != "PAY_PAGE":
        raise _bad("paymentInstrument.type", "must be PAY_PAGE: this stand-in has no other instrument")


def _transaction_id(payload: dict[str, Any], name: str) -> str:
    value = payload.get(name)
    if not (isinstance(value, str) and _TRANSACTION_ID.fullmatch(value)):
        raise _bad(name, "must be less than 35 letters, digits, _ or -")
    return value


def _amount(payload: dict[str, Any]) -> int:
    amount = payload.get("amount")
    if type(amount) is not int or not LEAST_AMOUNT <= amount <= MOST_AMOUNT:  # a bool is an int, and no amount
        raise _bad("amount", f"must be a whole number of paise, {LEAST_AMOUNT} at least")
    return amount


def _url(payload: dict[str, Any], name: str) -> str:
    value = payload.get(name)
    if isinstance(value, str) and _URL.fullmatch(value) and _has_host(value):
        return value
    raise _bad(name, "must be an absolute http or https address")


def _has_host(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False


def _bad(field: str, rule: str) -> RefusedError:
    return RefusedError("BAD_REQUEST", f"{field} {rule}")
