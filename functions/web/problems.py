"""Problem documents (RFC 9457): the one place where errors become responses; nothing internal leaks."""

import json
from typing import Any

from flask import Response
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from shared.kit import log
from shared.kit.errors import Invalid, Refusal

MEDIA_TYPE = "application/problem+json"
MOST_NAMED = (
    64  # fields listed, and characters of an unknown field's name: the response does not repeat a megabyte of either
)
logger = log.logger(__name__)


class UnsupportedMediaType(Refusal):
    status, code, title = 415, "unsupported_media_type", "Unsupported media type"

    def __init__(self) -> None:
        super().__init__("Send the body as application/json.")


class MalformedJson(Refusal):
    status, code, title = 400, "malformed_json", "Malformed JSON"

    def __init__(self) -> None:
        super().__init__("The body is not a JSON document.")


class InvalidFields(Refusal):
    """The errors of a request, field by field."""

    status, code, title = Invalid.status, Invalid.code, Invalid.title


def invalid(error: ValidationError, prefix: str | None = None) -> Refusal:
    """Return the refusal of a request that does not match its schema, with an error for each field.

    pydantic also names the chosen member of a union: its tag begins with `@`, because it is no field of the body.
    """
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if any(item["type"] == "json_invalid" for item in found):
        return MalformedJson()
    errors = [{"field": _path(item["loc"], prefix), "message": item["msg"]} for item in found[:MOST_NAMED]]
    named = ", ".join(dict.fromkeys(item["field"] for item in errors))
    return InvalidFields(f"Not valid: {named}.", errors=errors)


def _path(steps: tuple[int | str, ...], prefix: str | None) -> str:
    fields = [str(step)[:MOST_NAMED] for step in ([prefix] if prefix else []) + list(steps) if str(step)[:1] != "@"]
    return ".".join(fields or ["body"])


def encode(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=str)


def problem(status: int, code: str, title: str, detail: str, **members: Any) -> Response:
    document = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code, **members}
    return Response(encode(document), status, content_type=MEDIA_TYPE)


def response_to(error: Exception) -> Response:
    """Return the problem document of any error."""
    if isinstance(error, Refusal):
        return _refused(error)
    if isinstance(error, HTTPException):
        return _http(error)
    logger.error("unexpected error", exc_info=error)
    return problem(500, "internal_error", "Internal error", "Something went wrong on our side. It has been noted.")


def _refused(refusal: Refusal) -> Response:
    response = problem(refusal.status, refusal.code, refusal.title, refusal.detail, **refusal.members)
    if refusal.retry_after is not None:
        response.headers["Retry-After"] = str(refusal.retry_after)
    if refusal.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if refusal.status >= 500:
        reason = getattr(refusal, "reason", None)
        logger.error(
            "dependency down", extra=log.fields(code=refusal.code, error=type(refusal).__name__, reason=reason)
        )
    return response


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    title = error.name
    response = problem(status, title.lower().replace(" ", "_"), title, f"{title}.")
    allowed = dict(error.get_headers()).get("Allow")
    if allowed:
        response.headers["Allow"] = allowed
    return response
