"""The merchants' API v2: an access token for credentials, and with it pay, status and refund."""

import hmac
from typing import Any, cast

from flask import Blueprint, Response, current_app, request

from infra.local.phonepe import faults as v1
from infra.local.phonepe.answering import answered, desk, page_url, send
from infra.local.phonepe.answers import Answer, RefusedError
from infra.local.phonepe.store import PENDING, Transaction
from infra.local.phonepe.v2 import faults
from infra.local.phonepe.v2.answers import begun, describe, refund_begun
from infra.local.phonepe.v2.payloads import read_pay, read_refund
from infra.local.phonepe.v2.tokens import Tokens

api = Blueprint("v2", __name__)


def tokens() -> Tokens:
    """Return the tokens of the running app."""
    return cast("Tokens", current_app.extensions["tokens"])


@api.post("/v1/oauth/token")
def token() -> Response:
    def work() -> Answer:
        account = desk().account
        known = {
            "client_id": account.client_id,
            "client_version": account.client_version,
            "client_secret": account.client_secret,
            "grant_type": "client_credentials",
        }
        same = [hmac.compare_digest(request.form.get(name, "").encode(), its.encode()) for name, its in known.items()]
        if not account.client_id or not all(same):
            raise RefusedError("INVALID_CLIENT", "The client is not known", 401)
        short = desk().store.take(["token.short"])
        if short is None:
            return Answer(tokens().issue())
        return Answer(tokens().issue(1.0 if short.value is None else short.value))

    return answered(faults.ANSWER, "token", work)


@api.post("/checkout/v2/pay")
def pay() -> Response:
    payload = _admitted("pay", "merchantOrderId")
    order = read_pay(payload, desk().account.webhook_url)

    def work() -> Answer:
        _refuse_used(order.id)
        return begun(payment := desk().pay(order), page_url(payment))

    return answered(faults.ANSWER, "pay", work, order.id)


@api.get("/checkout/v2/order/<order_id>/status")
def status(order_id: str) -> Response:
    return _status("payment", order_id)


@api.post("/payments/v2/refund")
def refund() -> Response:
    payload = _admitted("refund", "merchantRefundId", "originalMerchantOrderId")
    order = read_refund(payload, desk().account.webhook_url)

    def work() -> Answer:
        _refuse_used(order.id)
        made = desk().refund(order)
        if made.state == PENDING:
            desk().accepted(made)
        return refund_begun(made)

    return answered(faults.ANSWER, "refund", work, order.id, order.original_id)


@api.get("/payments/v2/refund/<refund_id>/status")
def refund_status(refund_id: str) -> Response:
    return _status("refund", refund_id)


@api.errorhandler(RefusedError)
def refuse(error: RefusedError) -> Response:
    return send(error.answer)


def _status(kind: str, transaction_id: str) -> Response:
    _let_in("status", transaction_id)

    def work() -> Answer:
        found = desk().status(transaction_id)
        if (found.kind, found.api) != (kind, "v2"):
            raise RefusedError("ORDER_NOT_FOUND", f"No {kind} found with the given id", 404)
        return Answer(_described(found))

    return answered(faults.ANSWER, "status", work, transaction_id)


def _described(found: Transaction) -> dict[str, Any]:
    return describe(desk().merchant.id, found, details=request.args.get("details") == "true")


def _admitted(stage: str, *ids: str) -> dict[str, Any]:
    """Return the JSON object of a request with a valid token."""
    body = request.get_json(silent=True)
    payload = body if isinstance(body, dict) else {}
    _let_in(stage, *(str(payload.get(name)) for name in ids))
    if request.mimetype != "application/json" or not isinstance(body, dict):
        raise RefusedError("BAD_REQUEST", "The body must be a JSON object, sent as application/json")
    return payload


def _let_in(stage: str, *transaction_ids: str) -> None:
    given = request.headers.get("Authorization", "")
    armed = desk().store.take(v1.of(stage, faults.WORK), *transaction_ids)
    if armed and armed.fault.endswith(".revoked"):
        tokens().revoke(given)
    if not tokens().accepts(given):
        raise RefusedError("AUTHORIZATION_FAILED", "The access token is not valid", 401)
    if armed and armed.fault.endswith(".unauthorized"):
        raise RefusedError("FORBIDDEN", "This is not allowed", 403)


def _refuse_used(transaction_id: str) -> None:
    if desk().store.get(transaction_id):
        raise RefusedError("DUPLICATE_REQUEST", "The id was used before", 409)
