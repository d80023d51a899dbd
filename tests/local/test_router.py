"""The local stand-in of the load balancer, in front of real servers."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from infra.local.functions import Function, functions, target
from infra.local.processes import ReservedPort
from infra.local.router import MAX_BODY, Router, System


class Upstream(BaseHTTPRequestHandler):
    """Echoes the request as JSON."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Nothing."""

    def _any(self):
        if self.headers.get("X-Hang-Up"):
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        echo = {"method": self.command, "path": self.path, "body": body.decode(), "headers": self.headers.items()}
        status = int(self.headers.get("X-Status", "200"))
        text = b"" if status in {204, 304} else json.dumps(echo).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Twice", "1")
        self.send_header("X-Twice", "2")
        if status not in {204, 304}:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_HEAD = _any  # noqa: N815


def serving(server: ThreadingHTTPServer) -> threading.Thread:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    return thread


@pytest.fixture(scope="module")
def router() -> Iterator[int]:
    """The port of a router whose customer function says back what it is sent, and whose chef function is down."""
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    upstream.daemon_threads = True
    closed_port = ReservedPort()
    here = f"http://127.0.0.1:{upstream.server_port}"
    urls = dict.fromkeys(("customer", "mail", "phonepe"), here) | {"chef": f"http://127.0.0.1:{closed_port.number}"}
    server = Router(0, System(urls, [["Somebody", "somebody@test.example"]], functions()))
    threads = [serving(upstream), serving(server)]
    yield server.server_port
    for each in (server, upstream):
        each.shutdown()
        each.server_close()
    for thread in threads:
        thread.join()
    closed_port.close()


def call(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    with closing(connection):
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer, answer.read()


def relayed(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> dict:
    answer, text = call(port, method, path, body, **headers)
    assert answer.status == 200, text
    return json.loads(text)


def raw(port: int, head: str) -> bytes:
    with closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode("latin-1"))
        return connection.recv(200)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/v1/auth/send-otp", "auth"),
        ("/api/v1/payments/initiate", "payments"),
        ("/api/v1/payments/status/callback", "payments"),
        ("/api/v1/payments/callback", "callback"),
        ("/api/v1/payments/callback/phonepe", "callback"),
        ("/api/v1/payments/callbacks", "payments"),
        ("/api/v1/openapi.json", "docs"),
        ("/api/v1/openapi.json/x", None),
        ("/api/v1/docs", "docs"),
        ("/api/v1/docs/swagger-ui.css", "docs"),
        ("/api/v1/customer", None),
        ("/api/v1/customer/", "customer"),
        ("/api/v1/customers/x", None),
        ("/jobs/sweep", None),
        ("/outbox/x", None),
        ("/", None),
        ("", None),
    ],
)
def test_a_path_goes_to_the_longest_match(path: str, name: str | None):
    assert target(path, functions()) == name


def test_an_exact_path_wins_over_a_longer_prefix_and_order_does_not_matter():
    listed = [Function("wide", ("/a/*",), "public", ()), Function("exact", ("/a/b",), "public", ())]
    listed += [Function("narrow", ("/a/b/*",), "public", ())]
    for order in (listed, listed[::-1]):
        assert [target(path, order) for path in ("/a/b", "/a/b/c", "/a/c")] == ["exact", "narrow", "wide"]


def test_method_path_query_headers_and_body_arrive_as_they_were_sent(router: int):
    path = "/api/v1/customer/a%2Fb/%F0%9F%8D%B2?x=1&x=%00&y="
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        body = None if method == "GET" else "₹ body".encode()
        echo = relayed(router, method, path, body, Authorization="Bearer x", Idempotency_Key="k", X_Verify="a###1")
        assert (echo["method"], echo["path"], echo["body"]) == (method, path, (body or b"").decode())
        sent = {name.lower(): value for name, value in echo["headers"]}
        assert (sent["authorization"], sent["idempotency-key"], sent["x-verify"]) == ("Bearer x", "k", "a###1")
        assert sent["host"] == f"127.0.0.1:{router}"


def test_the_health_of_a_public_function_is_asked_under_its_name(router: int):
    assert relayed(router, "GET", "/health/customer")["path"] == "/health"
    assert call(router, "GET", "/health/tasks")[0].status == 404
    assert call(router, "GET", "/health/customer/x")[0].status == 404


def test_the_caller_is_appended_to_who_was_there_before(router: int):
    def hops(**headers: str) -> list[str]:
        echo = relayed(router, "GET", "/api/v1/customer/x", **headers)
        return [value for name, value in echo["headers"] if name.lower() == "x-forwarded-for"]

    assert hops() == ["127.0.0.1"]
    assert hops(X_Forwarded_For="203.0.113.9") == ["203.0.113.9, 127.0.0.1"]
    assert hops(X_Forwarded_For="1.1.1.1, 2.2.2.2") == ["1.1.1.1, 2.2.2.2, 127.0.0.1"]


def test_repeated_forwarded_for_headers_become_one_list(router: int):
    lines = "X-Forwarded-For: 1.1.1.1\nx-forwarded-for: 2.2.2.2\nConnection: close\n"
    with closing(socket.create_connection(("127.0.0.1", router), timeout=10)) as connection:
        request = f"GET /api/v1/customer/x HTTP/1.1\nHost: x\n{lines}\n"
        connection.sendall(request.replace("\n", "\r\n").encode())
        raw = b"".join(iter(lambda: connection.recv(65536), b""))
    hops = [v for name, v in json.loads(raw.partition(b"\r\n\r\n")[2])["headers"] if name.lower() == "x-forwarded-for"]
    assert len(hops) == 1
    assert hops[0].endswith("2.2.2.2, 127.0.0.1")


def test_what_concerns_one_connection_only_is_not_passed_on(router: int):
    echo = relayed(router, "GET", "/api/v1/customer/x", Connection="close", Keep_Alive="5", TE="trailers")
    assert not {"keep-alive", "te", "connection"} & {name.lower() for name, _ in echo["headers"]}


@pytest.mark.parametrize("status", [201, 204, 304, 401, 409, 429, 503])
def test_an_answer_comes_back_with_its_status_and_headers(router: int, status: int):
    answer, body = call(router, "GET", "/api/v1/customer/x", X_Status=str(status))
    assert answer.status == status
    assert answer.headers.get_all("X-Twice") == ["1", "2"]
    assert bool(body) is (status not in {204, 304})


def test_a_head_has_the_length_and_no_body(router: int):
    answer, body = call(router, "HEAD", "/api/v1/customer/x")
    assert (answer.status, body) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 0


def test_a_connection_carries_one_request_after_another(router: int):
    connection = HTTPConnection("127.0.0.1", router, timeout=10)
    with closing(connection):
        for path in ("/api/v1/customer/1", "/api/v1/nobody", "/api/v1/chef/x", "/api/v1/customer/2", "/health"):
            connection.request("POST" if "customer" in path else "GET", path, b"body" if "customer" in path else None)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == {"/api/v1/nobody": 404, "/api/v1/chef/x": 502}.get(path, 200)


@pytest.mark.parametrize("path", ["/jobs/sweep", "/health", "/api/v1/chef/profile", "/api/v1/customer/x"])
def test_a_body_is_never_taken_for_the_next_request(router: int, path: str):
    """Fails when a body is read only if it is forwarded."""
    hidden = b"GET /_local/system HTTP/1.1\r\nHost: x\r\n\r\n"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(hidden)}\r\n\r\n".encode()
    after = b"GET /nobody HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with closing(socket.create_connection(("127.0.0.1", router), timeout=10)) as connection:
        connection.sendall(head + hidden + after)
        raw = b"".join(iter(lambda: connection.recv(65536), b""))
    assert raw.count(b"HTTP/1.1 ") == 2
    assert b"somebody@test.example" not in raw
    assert raw.endswith(b'"code":"no_route"}')


def test_a_function_that_is_down_or_hangs_up_is_a_502(router: int):
    for path, headers in (("/api/v1/chef/profile", {}), ("/api/v1/customer/x", {"X_Hang_Up": "1"})):
        answer, body = call(router, "GET", path, **headers)
        assert (answer.status, json.loads(body)["code"]) == (502, "function_down")
        assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/nobody", "/api/v2/customer/x", "/jobs/sweep", "/_local/nobody", "/_local/mailbox"])
def test_a_path_of_nobodys_is_not_found(router: int, path: str):
    answer, body = call(router, "GET", path)
    assert (answer.status, json.loads(body)["code"]) == (404, "no_route")


@pytest.mark.parametrize("path", ["/_local/mail", "/_local/mail/3", "/_local/payments/faults", "/transact/token"])
def test_the_local_pages_lie_beside_the_api(router: int, path: str):
    assert relayed(router, "GET", path)["path"] == path


def test_the_first_page_and_the_way_back_from_a_payment_escape_what_they_show(router: int):
    answer, body = call(router, "GET", "/_local/return?ref=%3Cscript%3E&txn=%22%3E%3Cimg")
    assert answer.status == 200
    assert b"<script>" not in body
    assert b"<img" not in body
    assert b"somebody@test.example" in call(router, "GET", "/")[1]


def test_a_body_of_unknown_length_is_refused(router: int):
    chunked = "POST /api/v1/customer/x HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n0\n\n"
    assert raw(router, chunked).startswith(b"HTTP/1.1 411")
    for length in ("x", "-1", "²", "1, 1"):
        head = f"POST /api/v1/customer/x HTTP/1.1\nHost: x\nContent-Length: {length}\n\n"
        assert raw(router, head).startswith(b"HTTP/1.1 411")


def test_a_body_beyond_what_the_front_end_takes_is_refused_unread(router: int):
    head = f"POST /api/v1/customer/x HTTP/1.1\nHost: x\nContent-Length: {MAX_BODY + 1}\n\n"
    assert raw(router, head).startswith(b"HTTP/1.1 413")
