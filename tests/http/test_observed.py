"""Middleware over HTTP: headers, CORS, request ids, and the content of logs."""

import json
import re
from uuid import uuid4

import pytest

from infra.local.functions import functions
from tests.system import Client, System, eventually

NAMES = [one.name for one in functions()]
EVERY = pytest.mark.parametrize("function", NAMES)
ORIGIN = "http://localhost:5173"
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cache-Control": "no-store",
}


def lines(system: System, function: str, request_id: str) -> list[dict[str, object]]:
    written = (system.data / "logs" / f"{function}.log").read_text().splitlines()
    return [json.loads(line) for line in written if request_id in line]


@EVERY
@pytest.mark.parametrize("path", ["/health", "/nobody"])
def test_every_answer_carries_the_security_headers(system: System, function: str, path: str):
    headers = system.call(function, "GET", path).headers
    assert {name: headers.get(name) for name in SECURITY} == SECURITY
    assert "Strict-Transport-Security" not in headers  # locally there is no TLS


@EVERY
def test_a_page_of_a_configured_origin_may_call(system: System, function: str):
    preflight = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization",
    }
    answer = system.call(function, "OPTIONS", "/api/v1/customer/profile", headers=preflight)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert {"GET", "POST", "PUT", "PATCH", "DELETE"} == set(answer.headers["Access-Control-Allow-Methods"].split(", "))
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    assert all(name in allowed for name in ("authorization", "content-type", "idempotency-key"))
    assert "Origin" in answer.headers["Vary"]


@EVERY
@pytest.mark.parametrize("origin", ["https://evil.example", "null", ORIGIN + ".evil.example", "http://localhost:51730"])
def test_a_foreign_origin_gets_no_cors_headers(system: System, function: str, origin: str):
    for method in ("OPTIONS", "GET"):
        headers = system.call(function, method, "/health", headers={"Origin": origin}).headers
        assert not [name for name in headers if name.startswith("Access-Control-") and function != "docs"]


def test_a_refusal_too_may_be_read_by_the_page_that_asked(system: System):
    answer = system.http.get(f"{system.api}/customer/profile", headers={"Origin": ORIGIN}, timeout=10)
    assert answer.status_code == 401
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


@EVERY
def test_a_requests_id_is_the_callers_where_it_is_sane_and_else_ours(system: System, function: str):
    request_id = uuid4().hex
    assert (
        system.call(function, "GET", "/health", headers={"X-Request-Id": request_id}).headers["X-Request-Id"]
        == request_id
    )
    for odd in ("", "short", "x" * 65, "a b c d e f g", '{"a": "b"}', "<script>alert(1)</script>"):
        made = system.call(function, "GET", "/health", headers={"X-Request-Id": odd}).headers["X-Request-Id"]
        assert made != odd
        assert re.fullmatch(r"[0-9a-f-]{36}", made)


@EVERY
def test_each_request_is_one_line_that_names_the_rule_and_not_the_path(system: System, function: str):
    request_id = uuid4().hex
    headers = {"X-Request-Id": request_id, "traceparent": f"00-{'4b' * 16}-00f067aa0ba902b7-01"}
    system.call(function, "GET", "/somebody@typed.example?token=typed", headers=headers)
    [line] = eventually(lambda: lines(system, function, request_id))
    assert line["severity"] == "INFO"
    assert (line["method"], line["status"], line["route"]) == ("GET", 404, "(none)")
    assert (line["request_id"], line["function"]) == (request_id, function)
    assert line["logging.googleapis.com/trace"] == f"projects/local/traces/{'4b' * 16}"
    assert float(line["ms"]) >= 0  # type: ignore[arg-type]


@EVERY
def test_everything_a_function_writes_is_json_with_a_severity(system: System, function: str):
    written = [line for line in (system.data / "logs" / f"{function}.log").read_text().splitlines() if line.strip()]
    # What gunicorn says while it starts comes before the function's own logging.
    own = [line for line in written if line.startswith("{")]
    assert own
    assert {json.loads(line)["severity"] for line in own} <= {"INFO", "WARNING", "ERROR"}
    assert not [line for line in written if "Traceback" in line]


def used(system: System) -> tuple[Client, list[str]]:
    """Use the system as its users do; return the words that no log may contain."""
    client = system.sign_in()
    code = re.search(r"\b\d{6}\b", system.mails(client.email)[0]["text"])[0]  # type: ignore[index]
    client.put("/customer/profile", {"name": "Meera Lakshmanan", "phone": "+917012345678"})
    client.put("/customer/profile", {"name": 5, "phone": "not +917012345678", "email": client.email})
    booking = client.book(address_id=client.address(full_address="77 Secret Lane"), special_requests="nut allergy")
    client.pay(booking["id"])
    client.get(f"/customer/{client.email}")
    renewed = system.http.post(
        f"{system.api}/auth/refresh", json={"refresh_token": client.tokens["refresh_token"]}, timeout=10
    ).json()
    eventually(lambda: any("Confirmed" in mail["subject"] for mail in system.mails(client.email)))
    tokens = [client.tokens["access_token"], client.tokens["refresh_token"], renewed["refresh_token"]]
    personal = [client.email, "7012345678", "Lakshmanan", "Secret Lane", "nut allergy"]
    return client, [*tokens, *personal, f'"{code}"', f" {code}"]


def test_no_log_of_any_process_holds_a_person_a_token_or_a_code(system: System):
    client, words = used(system)
    identity = system.identity("audience", "somebody@local")["Authorization"].removeprefix("Bearer ")
    system.call("tasks", "POST", f"/outbox/{uuid4()}", headers={"Authorization": f"Bearer {identity}"})
    kept = [
        system.env[name].partition(":")[2] for name in ("JWT_KEYS", "REFRESH_KEYS", "OTP_KEYS", "PHONEPE_SALT_KEYS")
    ]
    kept += [system.env[name] for name in ("UPSTASH_REDIS_REST_TOKEN", "PHONEPE_CLIENT_SECRET")]
    words += [identity, *kept, "typed.example"]
    for name, text in system.logs().items():
        held = [word for word in words if word in text]
        assert not held, f"{name}.log holds {held}"
        assert not re.search(r"[\w.]+@test\.example|eyJ[\w-]{20,}\.", text), f"{name}.log"
    assert client.email
