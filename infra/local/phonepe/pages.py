"""The customer's pay page, and the redirect back to the merchant."""

import secrets
from typing import cast

from flask import Blueprint, Response, g, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from infra.local.phonepe.answering import desk
from infra.local.phonepe.lifecycle import AlreadyFinalError
from infra.local.phonepe.signing import sign
from infra.local.phonepe.store import PENDING, Outcome, Transaction

pages = Blueprint("pages", __name__)

Page = Response | BaseResponse | str | tuple[str, int]


def rupees(paise: int) -> str:
    """Format paise as ₹ with two decimals and Indian digit groups: 12345678 is ₹1,23,456.78."""
    whole, fraction = divmod(paise, 100)
    head, tail = str(whole)[:-3], str(whole)[-3:]
    groups = [head[max(end - 2, 0) : end] for end in range(len(head), 0, -2)][::-1]
    return f"₹{','.join([*groups, tail])}.{fraction:02}"


@pages.before_request
def make_nonce() -> None:
    g.nonce = secrets.token_urlsafe(16)


@pages.after_request
def protect(response: Response) -> Response:
    script = f"script-src 'nonce-{g.nonce}'"
    policy = f"default-src 'none'; style-src 'unsafe-inline'; {script}; base-uri 'none'; frame-ancestors 'none'"
    response.headers["Content-Security-Policy"] = policy
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@pages.get("/transact/<token>")
def show(token: str) -> Page:
    payment = desk().store.by_token(token)
    if payment is None:
        return render_template("unknown.html"), 404
    return _page(payment)


@pages.post("/transact/<token>")
def decide(token: str) -> Page:
    """Settle by the customer's choice and redirect back; for a settled payment only redirect."""
    payment = desk().store.by_token(token)
    if payment is None:
        return render_template("unknown.html"), 404
    outcome = request.form.get("outcome")
    if outcome not in ("pay", "decline", "pending"):
        return _page(payment), 400
    return _back(payment if outcome == "pending" else _settle(payment, cast("Outcome", outcome)))


def _settle(payment: Transaction, outcome: Outcome) -> Transaction:
    try:
        return desk().settle(payment.id, outcome)
    except AlreadyFinalError:
        return desk().store.get(payment.id) or payment


def _page(payment: Transaction) -> str:
    template = "pay.html" if payment.state == PENDING else "final.html"
    return render_template(template, payment=payment, merchant=desk().merchant, fields=_fields(payment))


def _back(payment: Transaction) -> Page:
    if payment.redirect_mode == "REDIRECT":
        return redirect(payment.redirect_url or "/", 303)
    return render_template("return.html", payment=payment, merchant=desk().merchant, fields=_fields(payment))


def _fields(payment: Transaction) -> dict[str, str]:
    """Return the form fields of redirect mode POST; clients must not trust them: their checksum is not documented."""
    merchant = desk().merchant
    fields = {
        "code": payment.code,
        "merchantId": merchant.id,
        "transactionId": payment.id,
        "amount": str(payment.amount),
        "providerReferenceId": payment.reference,
    }
    return fields | {"checksum": sign("".join(fields.values()), merchant.salts[merchant.index], merchant.index)}
