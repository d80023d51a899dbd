"""Around every request: its id and trace, one log line, security headers, and the origins that may call."""

import re
import time
from uuid import uuid4

from flask import Flask, Response, g, request

from functions import wiring
from shared.kit import log

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    # Not no-referrer: the gateway refuses a pay page that was opened without one.
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cache-Control": "no-store",
}
CORS_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-None-Match, X-Request-Id"
CORS_EXPOSED = "ETag, Retry-After, X-Request-Id"
SANE_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
logger = log.logger("request")


def _trace_id() -> str | None:
    parts = request.headers.get("traceparent", "").split("-")
    if len(parts) == 4 and re.fullmatch(r"[0-9a-f]{32}", parts[1]):
        return parts[1]
    match = re.match(r"([0-9a-f]{32})", request.headers.get("X-Cloud-Trace-Context", ""))
    return match[1] if match else None


def _begin(name: str) -> Response | None:
    given = request.headers.get("X-Request-Id", "")
    g.began = time.perf_counter()
    g.request_id = given if SANE_ID.fullmatch(given) else str(uuid4())
    fields = {"request_id": g.request_id, "function": name}
    trace = _trace_id()
    if trace:
        fields["logging.googleapis.com/trace"] = f"projects/{wiring.settings().google_cloud_project}/traces/{trace}"
    log.context.set(fields)
    return Response(status=204) if request.method == "OPTIONS" else None


def _end(response: Response) -> Response:
    for header, value in HEADERS.items():
        response.headers.setdefault(header, value)
    if not wiring.settings().is_local:
        response.headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    response.headers["X-Request-Id"] = g.request_id
    _allow_origin(response)
    # The rule, not the path: an address may hold what somebody typed.
    route = request.url_rule.rule if request.url_rule else "(none)"
    took = round((time.perf_counter() - g.began) * 1000, 1)
    logger.info("request", extra=log.fields(method=request.method, route=route, status=response.status_code, ms=took))
    return response


def _forget(_: BaseException | None) -> None:
    log.context.set({})


def _allow_origin(response: Response) -> None:
    origin = request.headers.get("Origin", "").rstrip("/")
    response.headers.add("Vary", "Origin")
    if not origin or origin not in wiring.settings().cors_origins:
        return
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = CORS_EXPOSED
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = "GET, POST, PUT, DELETE"
        response.headers["Access-Control-Allow-Headers"] = CORS_HEADERS
        response.headers["Access-Control-Max-Age"] = "3600"


def observe(app: Flask, name: str) -> None:
    """Begin and end every request of a function's application in the same way."""
    app.before_request(lambda: _begin(name))
    app.after_request(_end)
    app.teardown_request(_forget)
