"""A local load balancer: forwards each path to its function in terraform/functions.yaml, unchanged.

`python -m infra.local.router --port N --system var/8080/system.json`. It appends the client to X-Forwarded-For as Google's
front end does, and returns 502 if a function is down. It also serves the local pages: `/`, `/_local/…` and the payment
stand-in's `/transact/…`.
"""

import argparse
import json
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from markupsafe import Markup

from infra.local.functions import Function, functions, target
from infra.local.serving import page, table, until_ended

TIMEOUT: Final = 60.0
MAX_BODY: Final = 32 * 1024 * 1024  # the limit of Google's front end
HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
LOCAL: Final = {
    "/_local/mail": "mail",
    "/_local/payments": "phonepe",
    "/transact": "phonepe",
    "/_local/tasks": "cloud_tasks",
    "/_local/jobs": "scheduler",
}
INDEX: Final = Markup(
    "<p>Every function of the backend behind one address, as in production.</p>"
    '<ul><li><a href="/_local/mail">Mails</a>: sign-in codes and all other mails</li>'
    '<li><a href="/_local/payments">Payments</a> at the payment stand-in</li>'
    '<li><a href="/_local/tasks">Tasks</a> and <a href="/_local/jobs">scheduled jobs</a></li>'
    '<li><a href="/api/v1/docs">Try the API</a>, and <a href="/api/v1/openapi.json">its document</a> (OpenAPI 3.1)</li></ul>'
    "<h2>Accounts</h2><p>Sign in with a code; it arrives under Mails.</p>{accounts}"
    "<h2>Functions</h2>{functions}"
)
RETURN: Final = Markup(
    "<p>Booking <code>{ref}</code>, payment <code>{txn}</code>.</p>"
    "<p>A client would now query <code>GET /api/v1/payments/status/…</code>, because the redirect proves nothing. "
    '<a href="/_local/mail">See the mails</a>.</p>'
)
CODE: Final = Markup("<code>{}</code>")
ICON: Final = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="8" fill="#c2410c"/>
<path d="M8 3c3 3 3 5 3 6a3 3 0 0 1-6 0c0-1 0-3 3-6z" fill="#fff7ed"/></svg>"""


@dataclass(frozen=True)
class System:
    """The URLs of the system: `{"urls": {process or function: url}, "accounts": [[name, email], …]}`."""

    urls: dict[str, str]
    accounts: list[list[str]]
    listed: list[Function]

    @classmethod
    def read(cls, path: Path) -> "System":
        written = json.loads(path.read_text())
        listed = [one for one in functions() if one.name in written["urls"]]
        return cls(written["urls"], written["accounts"], listed)

    def upstream(self, path: str) -> str | None:
        """Return the URL a path is forwarded to; None if the production load balancer has no rule for it."""
        for prefix, piece in LOCAL.items():
            if path == prefix or path.startswith(prefix + "/"):
                return self.urls.get(piece)
        name = target(path, self.listed)
        return self.urls.get(name) if name else None

    def health(self, path: str) -> str | None:
        """Return the URL of the public function in `/health/<function>`."""
        return next(
            (self.urls.get(one.name) for one in self.listed if one.paths and path == f"/health/{one.name}"), None
        )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body are sent together
    system: System

    def log_message(self, *_: Any) -> None:
        """Log nothing, because the functions log each request."""

    def _any(self) -> None:
        body = self._body()
        if body is None:
            return
        parts = urlsplit(self.path)
        own = {
            "/": self._index,
            "/favicon.ico": self._icon,
            "/health": self._health,
            "/_local/return": self._return,
            "/_local/system": self._where,
        }
        upstream, health = self.system.upstream(parts.path), self.system.health(parts.path)
        if health is not None:
            self._forward(health, body, "/health")
        elif upstream is not None:
            self._forward(upstream, body, self.path)
        elif parts.path in own and self.command in {"GET", "HEAD"}:
            own[parts.path](parse_qs(parts.query))
        else:
            self._send(404, b'{"title":"Not Found","status":404,"code":"no_route"}', "application/problem+json")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = do_TRACE = do_QUERY = _any

    def _body(self) -> bytes | None:
        """Read the body in any case, because an unread one would be parsed as the next request. None: refused."""
        length = self.headers.get("Content-Length", "0")
        if "chunked" in self.headers.get("Transfer-Encoding", "") or not length.isdecimal() or int(length) > MAX_BODY:
            self.close_connection = True
            self._send(413 if length.isdecimal() and int(length) > MAX_BODY else 411, b"", "text/plain")
            return None
        return self.rfile.read(int(length))

    def _forward(self, upstream: str, body: bytes, path: str) -> None:
        connection = HTTPConnection(urlsplit(upstream).netloc, timeout=TIMEOUT)
        try:
            with suppress(BrokenPipeError):  # a server that refuses a body may respond before reading it
                connection.request(self.command, path, body or None, self._headers())
            self._relay(connection.getresponse())
        except (OSError, HTTPException):
            self._send(502, b'{"title":"Bad Gateway","status":502,"code":"function_down"}', "application/problem+json")
        finally:
            connection.close()

    def _headers(self) -> dict[str, str]:
        sent: dict[str, str] = {}
        for name, value in self.headers.items():
            if name.lower() not in HOP_BY_HOP:
                sent[name] = f"{sent[name]}, {value}" if name in sent else value
        known = [*self.headers.get_all("X-Forwarded-For", []), self.client_address[0]]
        sent = {name: value for name, value in sent.items() if name.lower() != "x-forwarded-for"}
        return sent | {"X-Forwarded-For": ", ".join(known), "X-Forwarded-Proto": "http"}

    def _relay(self, answer: HTTPResponse) -> None:
        body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP | {"content-length", "server", "date"}:
                self.send_header(name, value)
        empty = answer.status in {204, 304}
        if not empty:
            length = answer.getheader("Content-Length", "0") if self.command == "HEAD" else str(len(body))
            self.send_header("Content-Length", length)
        self.end_headers()
        if not empty:
            self.wfile.write(body)

    def _send(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _page(self, title: str, inside: Markup) -> None:
        self._send(200, page(title, inside).encode(), "text/html; charset=utf-8")

    def _health(self, _: dict[str, list[str]]) -> None:
        self._send(200, b'{"status":"ok"}', "application/json")

    def _icon(self, _: dict[str, list[str]]) -> None:
        self._send(200, ICON, "image/svg+xml")

    def _where(self, _: dict[str, list[str]]) -> None:
        document = {"urls": self.system.urls, "accounts": dict(self.system.accounts)}
        self._send(200, json.dumps(document).encode(), "application/json")

    def _index(self, _: dict[str, list[str]]) -> None:
        accounts = [{"who": who, "address": CODE.format(address)} for who, address in self.system.accounts]
        listed = [
            {"function": one.name, "paths": Markup(" ").join(map(CODE.format, one.paths)) or "called by the platform"}
            for one in self.system.listed
        ]
        inside = INDEX.format(
            accounts=table(("who", "address"), accounts), functions=table(("function", "paths"), listed)
        )
        self._page("Sizzle, locally", inside)

    def _return(self, query: dict[str, list[str]]) -> None:
        shown = {name: query.get(name, ["?"])[0] for name in ("ref", "txn")}
        self._page("Back from the payment", RETURN.format(**shown))


class Router(ThreadingHTTPServer):
    """Serves until it is shut down; a long backlog queues bursts of connections instead of refusing them."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, port: int, system: System) -> None:
        super().__init__(("127.0.0.1", port), type("Handler", (_Handler,), {"system": system}))


def main() -> None:
    parser = argparse.ArgumentParser(description="The local load balancer")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--system", type=Path, required=True, help="JSON file with the system's URLs")
    chosen = parser.parse_args()
    router = Router(chosen.port, System.read(chosen.system))
    with router:
        until_ended(router)


if __name__ == "__main__":
    main()
