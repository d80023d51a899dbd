"""Middleware of every request: request id and trace, one log line, security headers, CORS."""

import re
import time
from uuid import uuid4

from flask import Request, Response

from functions import wiring
from shared.kit import log

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    # Not no-referrer: the gateway refuses a pay page that was opened without a referrer.
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cache-Control": "no-store",
}
CORS_METHODS = "GET, POST, PUT, PATCH, DELETE"
CORS_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-None-Match, X-Request-Id"
CORS_EXPOSED = "ETag, Retry-After, X-Request-Id"
SANE_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
logger = log.logger("request")


class Exchange:
    """A request and its response; the log lines between them have the request's id and trace.

    `route` is the matched pattern and never the path: a path may contain personal data.
    """

    def __init__(self, request: Request, function: str) -> None:
        given = request.headers.get("X-Request-Id", "")
        self.request, self.route, self._began = request, "(none)", time.perf_counter()
        self.request_id = given if SANE_ID.fullmatch(given) else str(uuid4())
        fields = {"request_id": self.request_id, "function": function}
        trace = _trace_id(request)
        if trace:
            fields["logging.googleapis.com/trace"] = f"projects/{wiring.settings().google_cloud_project}/traces/{trace}"
        log.context.set(fields)

    def finish(self, response: Response) -> Response:
        """Complete the headers of a response and log the request."""
        for header, value in HEADERS.items():
            response.headers.setdefault(header, value)
        if not wiring.settings().is_local:
            response.headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        response.headers["X-Request-Id"] = self.request_id
        _allow_origin(self.request, response)
        ms = round((time.perf_counter() - self._began) * 1000, 1)
        fields = log.fields(method=self.request.method, route=self.route, status=response.status_code, ms=ms)
        logger.info("request", extra=fields)
        log.context.set({})
        return response


def _trace_id(request: Request) -> str | None:
    parts = request.headers.get("traceparent", "").split("-")
    if len(parts) == 4 and re.fullmatch(r"[0-9a-f]{32}", parts[1]):
        return parts[1]
    match = re.match(r"([0-9a-f]{32})", request.headers.get("X-Cloud-Trace-Context", ""))
    return match[1] if match else None


def _allow_origin(request: Request, response: Response) -> None:
    origin = request.headers.get("Origin", "").rstrip("/")
    response.headers.add("Vary", "Origin")
    if not origin or origin not in wiring.settings().cors_origins:
        return
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = CORS_EXPOSED
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = CORS_METHODS
        response.headers["Access-Control-Allow-Headers"] = CORS_HEADERS
        response.headers["Access-Control-Max-Age"] = "3600"
