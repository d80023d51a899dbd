"""HTTP behaviour common to every function: paths, methods, bodies, refusals."""

import json
from collections.abc import Iterator

import pytest

from infra.local.functions import functions
from tests.system import Client, System

NAMES = [one.name for one in functions()]
# An endpoint of each function that takes a body, and an unknown path.
BODIES = {
    "auth": ("POST", "/api/v1/auth/refresh"),
    "customer": ("POST", "/api/v1/customer/addresses"),
    "chef": ("PUT", "/api/v1/chef/profile"),
    "admin": ("POST", "/api/v1/admin/locations"),
    "payments": ("POST", "/api/v1/payments/initiate"),
}
PLAIN = {
    "docs": "/api/v1/openapi.json",
    "callback": "/api/v1/payments/callback",
    "tasks": "/outbox/5f2c1f6e-6a0c-4d1e-9a51-7f0c7b1d2e30",
    "schedule": "/jobs/sweep",
    "migrate": "/migrations/upgrade",
}
EVERY = pytest.mark.parametrize("function", NAMES)
WITH_BODY = pytest.mark.parametrize("function", BODIES)


def path_of(function: str) -> str:
    return BODIES[function][1] if function in BODIES else PLAIN[function]


def who(system: System, function: str) -> Client:
    return system.demo({"chef": "asha", "admin": "admin"}.get(function, "meera"))


def send(system: System, function: str, body: bytes | str | Iterator[bytes], content_type: str = "application/json"):
    """Send a body to a function directly, with a token it accepts."""
    method, path = BODIES[function]
    headers = {"Content-Type": content_type, "Authorization": f"Bearer {who(system, function).tokens['access_token']}"}
    return system.call(function, method, path, data=body, headers=headers)


def problem(answer, status: int, code: str) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    document = answer.json()
    assert (document["status"], document["code"], document["type"]) == (status, code, "about:blank")
    assert document["title"]
    assert document["detail"]
    return document


@EVERY
def test_health_answers_get_and_head(system: System, function: str):
    answer = system.call(function, "GET", "/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert system.call(function, "HEAD", "/health").status_code == 200


@pytest.mark.parametrize("function", [one.name for one in functions() if one.paths])
def test_a_full_public_path_answers_on_its_own_address_and_behind_the_router_alike(system: System, function: str):
    for method in ("GET", "POST", "PUT", "PATCH"):
        direct = system.call(function, method, path_of(function))
        routed = system.http.request(method, system.url + path_of(function), timeout=10)
        assert (direct.status_code, direct.content) == (routed.status_code, routed.content)
        differing = {"X-Request-Id", "Date", "Server", "Connection"}
        assert {name for name in direct.headers if name not in differing} == {
            name for name in routed.headers if name not in differing
        }


@EVERY
@pytest.mark.parametrize(
    "path",
    ["/nobody", "/", "/api/v1/nobody", "/api/v1/customer/../auth", "/%00", "/%ff", "//x", "/a%0D%0Ab", "/favicon.ico"],
)
def test_an_unknown_path_is_a_problem_document(system: System, function: str, path: str):
    problem(system.call(function, "GET", path), 404, "not_found")


@EVERY
def test_an_unknown_method_names_the_allowed_ones(system: System, function: str):
    answer = system.call(function, "PATCH", path_of(function))
    problem(answer, 405, "method_not_allowed")
    known = {"PUT", "GET"} if function == "chef" else {"GET"} if function == "docs" else {"POST"}
    assert known <= {method.strip() for method in answer.headers["Allow"].split(",")}


@WITH_BODY
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"not json",
        b'{"name": NaN, }',
        b"\xff\xfe",
        b'{"name": "\xff"}',
        b'{"name": "\\ud800"}',
        b'{"name": "a\\udc00b"}',
        b"{'name': 1}",
        b'{"a":1}{"b":2}',
        b"[" * 100_000,
        b'{"x":' * 100_000,
        b'{"name": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    ],
)
def test_what_is_no_json_document_is_malformed(system: System, function: str, body: bytes):
    problem(send(system, function, body), 400, "malformed_json")


@WITH_BODY
@pytest.mark.parametrize("body", [b"[]", b'"x"', b"5", b"null", b"true"])
def test_json_that_is_no_object_is_invalid(system: System, function: str, body: bytes):
    document = problem(send(system, function, body), 422, "invalid")
    assert document["errors"]


@WITH_BODY
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_another_content_type_is_refused(system: System, function: str, content_type: str):
    problem(send(system, function, b'{"a": 1}', content_type), 415, "unsupported_media_type")


@WITH_BODY
def test_a_charset_or_capitals_in_the_content_type_are_fine(system: System, function: str):
    for content_type in ("application/json; charset=utf-8", "Application/JSON"):
        assert send(system, function, b'{"nonsense": 1}', content_type).status_code == 422


@WITH_BODY
def test_a_repeated_or_unknown_field_is_refused(system: System, function: str):
    document = problem(send(system, function, json.dumps({"nonsense": 1, "__proto__": 2})), 422, "invalid")
    assert {"nonsense", "__proto__"} <= {error["field"] for error in document["errors"]}


@WITH_BODY
def test_a_refusal_echoes_no_input_and_no_internals(system: System, function: str):
    text = send(system, function, '{"nonsense": "a-secret-value"}').text
    for word in ("a-secret-value", "pydantic", "Traceback", "/work", "sqlalchemy"):
        assert word not in text


@WITH_BODY
def test_a_body_over_a_megabyte_is_too_large(system: System, function: str):
    body = b'{"name": "' + b"x" * (1024 * 1024) + b'"}'
    problem(send(system, function, body), 413, "request_entity_too_large")
    method, path = BODIES[function]
    token = who(system, function).tokens["access_token"]
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    for much in (body, body * 5):
        routed = system.http.request(method, system.url + path, data=much, headers=headers, timeout=10)
        assert routed.status_code == 413


@WITH_BODY
def test_a_body_in_chunks_is_read_and_has_the_same_limit(system: System, function: str):
    """Fails when only Content-Length is looked at: what is over the limit would be cut off and misread."""
    chunks = [b'{"nonsense": "', b"x" * 600_000, b"x" * 400_000, b'"}']
    assert send(system, function, iter(chunks)).status_code == 422
    problem(send(system, function, iter([*chunks[:2], *chunks[1:]])), 413, "request_entity_too_large")


@WITH_BODY
def test_a_body_just_under_a_megabyte_is_read(system: System, function: str):
    assert send(system, function, b'{"nonsense": "' + b"x" * (1024 * 1024 - 20) + b'"}').status_code == 422


@pytest.mark.parametrize("function", ["customer", "chef", "admin", "payments"])
def test_who_is_not_signed_in_learns_nothing_of_the_body_or_the_path(system: System, function: str):
    method, path = BODIES[function]
    answer = system.call(function, method, path, data=b"{", headers={"Content-Type": "application/json"})
    problem(answer, 401, "invalid_token")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_trailing_slash_is_the_same_path(system: System):
    assert system.demo("meera").get("/customer/profile/").status_code == 200


def test_a_path_a_role_may_not_use_is_forbidden_before_the_body_is_read(system: System):
    answer = system.demo("meera").call("PUT", "/chef/profile", {"hourly_rate": 1})
    problem(answer, 403, "forbidden")


def test_the_description_is_open_to_everybody(system: System):
    answer = system.http.get(f"{system.api}/openapi.json", timeout=10)
    assert answer.json()["openapi"].startswith("3.1")
    assert answer.headers["Cache-Control"] == "public, max-age=300"
