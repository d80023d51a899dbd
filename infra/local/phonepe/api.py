"""The merchants' API v1: pay, status and refund of PhonePe v1, every request signed."""

from typing import Any

from flask import Blueprint, Response, request

from infra.local.phonepe import faults
from infra.local.phonepe.answering import answered, desk, page_url, send
from infra.local.phonepe.answers import Answer, RefusedError, describe, initiated
from infra.local.phonepe.payloads import decode, read_pay, read_refund
from infra.local.phonepe.signing import is_signed
from infra.local.phonepe.store import Transaction

PAY = "/pg/v1/pay"
REFUND = "/pg/v1/refund"
STATUS = "/pg/v1/status"

api = Blueprint("api", __name__)


@api.post(PAY)
def pay() -> Response:
    order = read_pay(_signed_payload(PAY), desk().merchant.id)

    def work() -> Answer:
        return initiated(desk().merchant.id, order.id, page_url(desk().pay(order)))

    return answered(faults.ANSWER, "pay", work, order.id)


@api.post(REFUND)
def refund() -> Response:
    order = read_refund(_signed_payload(REFUND), desk().merchant.id)
    return answered(faults.ANSWER, "refund", lambda: _described(desk().refund(order)), order.id, order.original_id)


@api.get(f"{STATUS}/<merchant_id>/<transaction_id>")
def status(merchant_id: str, transaction_id: str) -> Response:
    _check_signature(f"{STATUS}/{merchant_id}/{transaction_id}")
    if merchant_id != desk().merchant.id:
        raise RefusedError("BAD_REQUEST", "The merchantId is not known")
    if request.headers.get("X-MERCHANT-ID") != merchant_id:
        raise RefusedError("BAD_REQUEST", "X-MERCHANT-ID must be the merchantId of the path")
    return answered(faults.ANSWER, "status", lambda: _described(_known(transaction_id)), transaction_id)


@api.errorhandler(RefusedError)
def refuse(error: RefusedError) -> Response:
    return send(error.answer)


def _signed_payload(path: str) -> dict[str, Any]:
    body = request.get_json(silent=True)
    if request.mimetype != "application/json" or not isinstance(body, dict):
        raise RefusedError("BAD_REQUEST", "The body must be JSON, sent as application/json")
    encoded = body.get("request")
    if not isinstance(encoded, str) or not encoded.isascii():
        raise RefusedError("BAD_REQUEST", "request must be the base64 of a JSON object")
    _check_signature(encoded + path)
    return decode(encoded)


def _check_signature(text: str) -> None:
    if not is_signed(request.headers.get("X-VERIFY", ""), text, desk().merchant):
        raise RefusedError("AUTHORIZATION_FAILED", "X-VERIFY does not sign this request", 401)


def _known(transaction_id: str) -> Transaction:
    found = desk().status(transaction_id)
    if found.api != "v1":
        raise RefusedError("TRANSACTION_NOT_FOUND", "No transaction found with the given id", 404)
    return found


def _described(transaction: Transaction) -> Answer:
    return Answer(describe(desk().merchant.id, transaction))
