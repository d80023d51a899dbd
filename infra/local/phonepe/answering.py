"""The steps of every endpoint of the merchants' API: run the operation, then respond, possibly with a fault."""

from collections.abc import Callable, Mapping
from typing import cast

from flask import Response, current_app, jsonify, request

from infra.local.phonepe import faults
from infra.local.phonepe.answers import Answer, RefusedError
from infra.local.phonepe.desk import Desk
from infra.local.phonepe.faults import Fault
from infra.local.phonepe.store import Transaction


def desk() -> Desk:
    """Return the desk of the running app."""
    return cast("Desk", current_app.extensions["desk"])


def page_url(payment: Transaction) -> str:
    """Return a payment's pay page, under the configured public URL or else this request's."""
    base = current_app.config["PUBLIC_URL"] or request.host_url
    return f"{base.rstrip('/')}/transact/{payment.token}"


def answered(
    table: Mapping[str, Fault[Answer]], stage: str, work: Callable[[], Answer], *transaction_ids: str
) -> Response:
    """Return the operation's response, possibly changed by a fault; the operation runs in both cases."""
    try:
        answer = work()
    except RefusedError as refused:
        answer = refused.answer
    armed = desk().store.take(faults.of(stage, table), *transaction_ids)
    return send(table[armed.fault].apply(answer, armed) if armed else answer)


def send(answer: Answer) -> Response:
    desk().closing.wait(answer.seconds)
    if isinstance(answer.body, str):
        response = Response(answer.body, mimetype="text/html" if answer.body.startswith("<") else "text/plain")
    else:
        response = jsonify(answer.body)
    response.status_code = answer.status
    return response
