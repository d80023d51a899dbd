"""Responses: a handler's answer as JSON, as a page, or as a 304 for a client that has it already."""

from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from flask import Request, Response
from pydantic import BaseModel

from functions.web.endpoint import Endpoint

CONDITIONS = ("REQUEST_METHOD", "HTTP_IF_NONE_MATCH")


def json_response(text: str, status: int) -> Response:
    return Response(text, status, content_type="application/json")


def render(answer: BaseModel | None, endpoint: Endpoint, request: Request) -> Response:
    """Return the response for a handler's answer; None has no body."""
    if endpoint.page:
        return _json_or_page(answer, endpoint.page, request)
    response = json_response(answer.model_dump_json() if answer is not None else "", endpoint.status)
    if endpoint.etag:
        response.add_etag()  # a digest of the body
        not_modified(response, request)
    return response


def not_modified(response: Response, request: Request) -> None:
    """Make a response with an ETag a 304 for a client that has it; other conditions and ranges are ignored."""
    known = {name: request.environ[name] for name in CONDITIONS if name in request.environ}
    response.make_conditional(known)


def _json_or_page(answer: BaseModel | None, page: Callable[[Any], str], request: Request) -> Response:
    """Return JSON, or a page for clients that prefer HTML."""
    assert answer is not None, "a page shows something"  # noqa: S101
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) != "text/html":
        response = json_response(answer.model_dump_json(), 200)
    else:
        response = _html(page(answer))
    response.headers["Vary"] = "Accept"
    return response


def _html(page: str) -> Response:
    """Return a page whose Content-Security-Policy allows only its own style sheet."""
    sheet = page.partition("<style>")[2].partition("</style>")[0]
    digest = b64encode(sha256(sheet.encode()).digest()).decode()
    response = Response(page, content_type="text/html; charset=utf-8")
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'"
    response.headers["Content-Security-Policy"] = policy
    return response
