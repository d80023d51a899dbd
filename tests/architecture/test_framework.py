"""The HTTP framework inside functions-framework's application: rules for every function, whatever its routes."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder

from functions import wiring
from functions.web.app import App, serve
from functions.web.body import MAX_BODY
from functions.web.endpoint import Routes
from functions.web.middleware import CORS_METHODS, HEADERS
from functions.web.routing import RouteTable
from shared.kit.ids import new_id
from shared.sign_in import sessions
from shared.sign_in.sessions import Caller
from tests.architecture.notes import TABLE
from tests.framework import client, framed, placeholder_settings

ORIGIN = "https://shop.example"
MEGABYTE = 1024 * 1024


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    with placeholder_settings(CORS_ORIGINS=ORIGIN):
        yield


@pytest.fixture
def notes() -> FlaskClient:
    return client(App("notes", TABLE))


class Endless:
    """A request body of `left` blanks that is generated on read and takes no memory."""

    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, size: int = -1) -> bytes:
        count = self.left if size < 0 else min(size, self.left)
        self.left -= count
        return b" " * count

    def readinto(self, buffer: Any) -> int:
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


def token(role: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return a signed-in user's Authorization header; a stubbed database returns that user and session."""
    caller = Caller(new_id(), role, new_id(), None, None)

    class Known:
        @contextmanager
        def reading(self) -> Iterator[None]:
            yield None

    monkeypatch.setattr(wiring, "database", Known)
    monkeypatch.setattr(sessions, "caller", lambda *_, **__: caller)
    made = wiring.access_tokens().issue(caller.id, caller.session_id, role, datetime.now(UTC))
    return {"Authorization": f"Bearer {made}"}


@pytest.mark.parametrize("path", ["/favicon.ico", "/robots.txt", "/a%0Ab", "/nothing", "/notes/a/b"])
def test_an_unknown_path_is_a_problem_with_all_headers(notes: FlaskClient, path: str):
    """Fails when the framework answers by itself: it does so for the first three."""
    answer = notes.get(path, headers={"Origin": ORIGIN, "X-Request-Id": "request-1"})
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.headers["X-Request-Id"] == "request-1"


def test_a_request_the_framework_cannot_read_is_a_problem(notes: FlaskClient):
    answer = notes.get("/notes/kept", headers={"Connection": "upgrade", "Upgrade": "websocket"})
    assert (answer.status_code, answer.json["code"]) == (400, "bad_request")
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_a_request_without_a_path_is_not_redirected_to_its_own_host(notes: FlaskClient):
    answer = notes.get("/", headers={"Host": "evil.example"}, environ_overrides={"PATH_INFO": ""})
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


class Broken:
    """A body whose framing the server cannot read, as gunicorn reports it."""

    def read(self, size: int = -1) -> bytes:
        raise OSError(f"invalid chunk size, {size} bytes wanted")


def test_a_body_that_cannot_be_read_is_a_bad_request(notes: FlaskClient):
    chunked = {"wsgi.input": Broken(), "wsgi.input_terminated": True}
    answer = notes.post("/notes", environ_overrides=chunked)
    assert (answer.status_code, answer.json["code"]) == (400, "bad_request")


@pytest.mark.parametrize("path", ["/notes", "/notes/kept", "/nothing", "/favicon.ico"])
def test_a_preflight_names_every_method_on_any_path(notes: FlaskClient, path: str):
    answer = notes.options(path, headers={"Origin": ORIGIN})
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["Access-Control-Allow-Methods"] == CORS_METHODS == "GET, POST, PUT, PATCH, DELETE"
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_head_is_get_without_a_body(notes: FlaskClient):
    got, head = notes.get("/notes/kept"), notes.head("/notes/kept")
    assert (head.status_code, head.data) == (200, b"")
    assert (head.headers["ETag"], head.headers["Content-Length"]) == (got.headers["ETag"], str(len(got.data)))


def test_an_unknown_method_names_the_known_ones(notes: FlaskClient):
    for path, known in (("/notes", {"POST"}), ("/notes/kept", {"GET", "HEAD"}), ("/notes/other", {"PATCH"})):
        answer = notes.delete(path)
        assert (answer.status_code, answer.json["code"]) == (405, "method_not_allowed")
        assert set(answer.headers["Allow"].split(", ")) == known | {"OPTIONS"}


def test_a_known_answer_is_a_304_with_all_headers(notes: FlaskClient):
    etag = notes.get("/notes/kept").headers["ETag"]
    answer = notes.get("/notes/kept", headers={"If-None-Match": etag, "Origin": ORIGIN})
    assert (answer.status_code, answer.data) == (304, b"")
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/notes//kept?a=1&b=%2F", "/notes/kept?a=1&b=%2F"),
        ("/notes///kept/", "/notes/kept/"),
        ("/nothing//here", None),
    ],
)
def test_double_slashes_lead_to_the_path_that_is_meant(notes: FlaskClient, path: str, location: str | None):
    answer = notes.get(path)
    assert (answer.status_code, answer.headers.get("Location")) == (308 if location else 404, location)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_a_redirect_never_leads_to_another_host(notes: FlaskClient):
    answer = notes.get("/", environ_overrides={"PATH_INFO": "//notes//kept", "HTTP_HOST": "evil.example"})
    assert (answer.status_code, answer.headers["Location"]) == (308, "/notes/kept")


def test_a_trailing_slash_is_the_same_path(notes: FlaskClient):
    assert notes.get("/notes/kept/").json == notes.get("/notes/kept").json
    assert notes.get("/health/").json == {"status": "ok"}


def test_an_answer_may_be_streamed(notes: FlaskClient):
    answer = notes.get("/notes/streamed", buffered=False)
    assert answer.is_streamed
    assert answer.data == b"one, two"
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


@pytest.mark.parametrize("is_chunked", [False, True], ids=["with its length", "in chunks"])
def test_a_body_over_the_limit_is_refused_and_not_kept(is_chunked: bool):
    """Fails when the rest is left to functions-framework, which reads it whole: 30 MB are then in memory."""
    size, app = 30 * MEGABYTE, framed(App("notes", TABLE))
    environ = EnvironBuilder("/notes", method="POST", content_type="application/json").get_environ()
    environ["wsgi.input"] = sent = Endless(size)
    environ |= {"wsgi.input_terminated": True} if is_chunked else {"CONTENT_LENGTH": str(size)}
    statuses: list[str] = []
    tracemalloc.start()
    b"".join(app(environ, lambda status, *_: statuses.append(status)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert statuses == ["413 REQUEST ENTITY TOO LARGE"]
    assert sent.left == 0, "a client that still sends must not lose the answer"
    assert peak < 3 * MEGABYTE


def test_a_body_as_long_as_the_limit_is_read(notes: FlaskClient):
    body = b'{"text": 5}'.ljust(MAX_BODY)
    assert notes.post("/notes", data=body, content_type="application/json").status_code == 422
    assert notes.post("/notes", data=body + b" ", content_type="application/json").status_code == 413


@pytest.mark.parametrize(("role", "status"), [("writer", 200), ("editor", 200), ("reader", 403)])
def test_a_patch_may_be_for_several_roles(notes: FlaskClient, monkeypatch: pytest.MonkeyPatch, role: str, status: int):
    answer = notes.patch("/notes/one", json={"text": "new"}, headers=token(role, monkeypatch))
    assert answer.status_code == status
    text = answer.json["text"] if status == 200 else answer.json["detail"]
    assert text == (f"one: new by a {role}" if status == 200 else "This is for the roles writer, editor.")
    assert notes.patch("/notes/one", json={"text": "new"}).status_code == 401


def test_the_log_names_the_pattern_and_never_the_path(notes: FlaskClient, caplog: pytest.LogCaptureFixture):
    with caplog.at_level("INFO", logger="request"):
        notes.patch("/notes/meera@example.com")
        notes.get("/notes/meera@example.com/more")
    assert [record.fields["route"] for record in caplog.records] == ["/notes/{name}", "(none)"]


def test_exact_paths_win_over_patterns():
    table = RouteTable({"/a/{x}": {"GET": "pattern"}, "/a/b": {"GET": "exact"}})
    assert [table.match(path)[0].pattern for path in ("/a/b", "/a/c", "/a/b/")] == ["/a/b", "/a/{x}", "/a/b"]


def test_a_role_of_the_routes_holds_where_an_endpoint_names_none():
    routes = Routes("/x", "one")
    routes.get("/a")(lambda: None)
    routes.get("/b", role=None)(lambda: None)
    routes.get("/c", role=["one", "two"])(lambda: None)
    assert [endpoint.roles for endpoint in routes.endpoints] == [("one",), (), ("one", "two")]


def test_two_lines_with_one_path_stop_the_start(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(wiring, "line_names", lambda: ["one", "other"])
    routes = {"/api/v1/customer/bookings": {"GET": "tests.architecture.notes"}}
    assert serve("customer", {}, {"one": routes, "absent": routes})
    with pytest.raises(ValueError, match="customer/bookings"):
        serve("customer", {}, {"one": routes, "other": routes})
