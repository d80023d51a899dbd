"""The API for tests and developers. It needs no signature, because the stand-in listens on this machine only.

GET    /_local/payments               the newest transactions, as JSON, or as a page to a browser
POST   /_local/payments/{id}/settle   {"outcome": "pay"|"decline"}, and optionally
                                      "force": true      a failed payment succeeds later
                                      "code": "..."      a failure's code (`lifecycle.FAILURES`)
                                      "after_seconds": n, "after_polls": n
                                                         after n seconds or n pending responses
POST   /_local/payments/{id}/attempt  an attempt in a v2 order fails, and the order stays open
GET    /_local/payments/faults        the available faults and the armed ones
POST   /_local/payments/faults        {"fault": name, "times": 1, "value": number}: the next `times` occasions
POST   /_local/payments/{id}/faults   the same for one transaction, which need not exist yet; faults of a refund
                                      may also be armed by its payment's id
DELETE /_local/payments/faults        disarms all faults

{id} is a merchantTransactionId, of a payment or a refund. Errors are {"error": sentence} with 400, 404 or 409.
"""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, cast

from flask import Blueprint, Response, jsonify, render_template, request

from infra.local.phonepe import faults
from infra.local.phonepe.answering import desk, page_url
from infra.local.phonepe.answers import RefusedError
from infra.local.phonepe.lifecycle import FAILURES, AlreadyFinalError
from infra.local.phonepe.store import Armed, Outcome, Transaction
from infra.local.phonepe.v2 import faults as v2_faults

LISTED = 200
CATALOGUE = v2_faults.CATALOGUE | faults.CATALOGUE

control = Blueprint("control", __name__, url_prefix="/_local/payments")


class _InputError(Exception):
    """The request is invalid."""


@control.get("")
def list_transactions() -> Response | str:
    listed = [_view(transaction, delivery) for transaction, delivery in desk().store.newest(LISTED)]
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "application/json":
        return jsonify(listed)
    return render_template("list.html", listed=listed, armed=desk().store.armed(), merchant=desk().merchant)


@control.post("/<transaction_id>/settle")
def settle(transaction_id: str) -> Response:
    wish = _wish()
    outcome, code = wish.get("outcome"), wish.get("code", "PAYMENT_ERROR")
    if outcome not in ("pay", "decline"):
        raise _InputError("outcome must be pay or decline")
    if code not in FAILURES:
        raise _InputError(f"code must be one of {', '.join(FAILURES)}")
    outcome = cast("Outcome", outcome)
    seconds, polls = _number(wish, "after_seconds"), _number(wish, "after_polls")
    if seconds is not None or polls is not None:
        later = desk().settle_later(transaction_id, outcome, seconds, None if polls is None else int(polls))
        return jsonify(_view(later))
    return jsonify(_view(desk().settle(transaction_id, outcome, force=wish.get("force") is True, code=code)))


@control.post("/<transaction_id>/attempt")
def attempt(transaction_id: str) -> Response:
    return jsonify(_view(desk().attempt_fails(transaction_id)))


@control.get("/faults")
def list_faults() -> Response:
    return jsonify({"armed": [asdict(armed) for armed in desk().store.armed()], "faults": CATALOGUE})


@control.post("/faults")
@control.post("/<transaction_id>/faults")
def arm(transaction_id: str | None = None) -> Response:
    wish = _wish()
    fault, times = wish.get("fault"), _number(wish, "times", 1)
    if fault not in CATALOGUE:
        raise _InputError("fault must be one of those listed by GET /_local/payments/faults")
    if not times or times != int(times):
        raise _InputError("times must be a whole number, 1 at least")
    armed = Armed(fault, int(times), _number(wish, "value"), transaction_id)
    desk().store.arm(armed)
    return jsonify(asdict(armed))


@control.delete("/faults")
def disarm() -> Response:
    desk().store.disarm()
    return jsonify({})


@control.errorhandler(_InputError)
@control.errorhandler(AlreadyFinalError)
@control.errorhandler(RefusedError)
def refuse(error: Exception) -> tuple[Response, int]:
    status = {_InputError: 400, AlreadyFinalError: 409}.get(type(error), 404)
    return jsonify({"error": str(error)}), status


def _wish() -> dict[str, Any]:
    wish = request.get_json(silent=True)
    if not isinstance(wish, dict):
        raise _InputError("the body must be a JSON object, sent as application/json")
    return wish


def _number(wish: dict[str, Any], name: str, otherwise: float | None = None) -> float | None:
    value = wish.get(name, otherwise)
    if value is None or (type(value) in (int, float) and 0 <= value <= 1_000_000):
        return cast("float | None", value)
    raise _InputError(f"{name} must be a number, 0 at least")


def _view(transaction: Transaction, delivery: str = "") -> dict[str, Any]:
    return {
        "merchantTransactionId": transaction.id,
        "kind": transaction.kind,
        "api": transaction.api,
        "originalTransactionId": transaction.original_id,
        "transactionId": transaction.reference,
        "amount": transaction.amount,
        "state": transaction.state,
        "code": transaction.code,
        "responseCode": transaction.response_code,
        "utr": transaction.utr,
        "payPage": page_url(transaction) if transaction.token else None,
        "openSeconds": transaction.expires_at and round(transaction.expires_at - transaction.created_at),
        "callback": delivery,
        "createdAt": datetime.fromtimestamp(transaction.created_at, UTC).isoformat(timespec="seconds"),
    }
