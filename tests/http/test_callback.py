"""The gateway's callbacks over HTTP: stored, but never trusted for a payment's state."""

import base64
import json
from hashlib import sha256

import pytest

from tests.system import System, eventually, new_client_header

PATHS = ("/api/v1/payments/callback", "/api/v1/payments/callback/phonepe")


def report(**data: object) -> str:
    content = {"success": True, "code": "PAYMENT_SUCCESS", "data": data}
    return base64.b64encode(json.dumps(content).encode()).decode()


def unknown_id() -> str:
    return f"UNKNOWN-{new_client_header()['X-Forwarded-For']}"


def send(system: System, response: object, path: str = PATHS[0], signature: str | None = None):
    index, _, salt = system.env["PHONEPE_SALT_KEYS"].partition(":")
    signed = signature if signature is not None else f"{sha256((str(response) + salt).encode()).hexdigest()}###{index}"
    headers = {"X-VERIFY": signed, "Content-Type": "application/json"}
    return system.http.post(system.url + path, json.dumps({"response": response}), headers=headers, timeout=10)


def kept(system: System, response: str) -> list[list[object]]:
    body = json.dumps({"response": response}).encode()
    return system.sql("select outcome, processed_at is not null from inbox where body = :body", body=body)


@pytest.mark.parametrize("path", PATHS)
def test_an_unknown_id_is_kept_and_answered_like_any_other(system: System, path: str):
    response = report(merchantTransactionId=unknown_id(), amount=100)
    answer = send(system, response, path)
    assert (answer.status_code, answer.json()) == (200, {"status": "received"})
    assert eventually(lambda: kept(system, response) == [["unknown", True]])


def test_the_same_report_twice_is_one_row(system: System):
    response = report(merchantTransactionId=unknown_id())
    assert [send(system, response, path).status_code for path in (*PATHS, PATHS[0])] == [200, 200, 200]
    assert len(kept(system, response)) == 1


@pytest.mark.parametrize("signature", ["", "x", "###1", "0" * 64 + "###1", "0" * 64 + "###2", "0" * 64, "é###1"])
def test_a_report_that_is_not_signed_is_refused_and_not_kept(system: System, signature: str):
    response = report(merchantTransactionId=unknown_id())
    answer = send(system, response, signature=signature.encode("latin-1"))  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_signature")
    assert kept(system, response) == []


def test_a_signature_of_another_report_is_refused(system: System):
    _, _, salt = system.env["PHONEPE_SALT_KEYS"].partition(":")
    other = f"{sha256((report(merchantTransactionId='A') + salt).encode()).hexdigest()}###1"
    assert send(system, report(merchantTransactionId="B"), signature=other).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b"[]",
        b"x",
        b'{"response":null}',
        b'{"response":5}',
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"a":' * 200_000,
    ],
)
def test_what_is_no_report_is_refused_without_an_error_of_ours(system: System, body: bytes):
    """Fails when only ValueError is caught: a body of brackets ends the JSON reader's recursion."""
    answer = system.http.post(system.url + PATHS[0], body, headers={"X-VERIFY": "0###1"}, timeout=10)
    assert answer.status_code == 401


@pytest.mark.parametrize("response", ["", "%%%", base64.b64encode(b"[]").decode(), base64.b64encode(b"\xff").decode()])
def test_a_signed_report_of_nothing_is_kept_for_people_to_see(system: System, response: str):
    assert send(system, response).status_code == 200
    assert eventually(lambda: kept(system, response) == [["unknown", True]])


@pytest.mark.parametrize("path", PATHS)
def test_a_huge_report_is_refused(system: System, path: str):
    for body in (b"x" * (1024 * 1024 + 1), iter([b"x" * 600_000] * 2)):
        assert system.call("callback", "POST", path, data=body).status_code == 413


def test_a_lie_about_a_success_moves_nothing(system: System):
    client = system.sign_in()
    booking = client.book()
    txn = client.post("/payments/initiate", {"booking_id": booking["id"]}).json()["merchant_txn_id"]
    response = report(merchantTransactionId=txn, amount=87980, state="COMPLETED", merchantId="SIZZLELOCAL")
    assert send(system, response).status_code == 200
    assert eventually(lambda: kept(system, response) == [["pending", True]])
    assert client.booking(booking["id"])["payment_status"] == "pending"


def show(system: System, webhook: object, header: str | None = None, path: str = PATHS[0]):
    """Send a v2 webhook: plain JSON with a shared secret in the Authorization header."""
    user = system.env["PHONEPE_WEBHOOK_KEYS"]
    headers = {"Authorization": sha256(user.encode()).hexdigest() if header is None else header}
    body = webhook if isinstance(webhook, bytes) else json.dumps(webhook).encode()
    return system.http.post(system.url + path, body, headers=headers, timeout=10)


def kept_webhook(system: System, webhook: object) -> list[list[object]]:
    body = webhook if isinstance(webhook, bytes) else json.dumps(webhook).encode()
    return system.sql("select source, outcome from inbox where body = :body and processed_at is not null", body=body)


@pytest.mark.parametrize("path", PATHS)
def test_a_webhook_of_an_unknown_kind_and_id_is_kept_and_answered_like_any_other(system: System, path: str):
    webhook = {"event": "pg.moon.rises", "payload": {"merchantOrderId": unknown_id()}}
    answer = show(system, webhook, path=path)
    assert (answer.status_code, answer.json()) == (200, {"status": "received"})
    assert eventually(lambda: kept_webhook(system, webhook) == [["phonepe_v2", "unknown"]])


@pytest.mark.parametrize("header", ["", "0" * 64, "Basic c2l6emxl", "O-Bearer x"])
def test_a_webhook_without_the_word_is_refused_and_not_kept(system: System, header: str):
    webhook = {"event": "checkout.order.completed", "payload": {"merchantOrderId": unknown_id()}}
    answer = show(system, webhook, header)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_signature")
    assert kept_webhook(system, webhook) == []


def test_a_webhook_that_says_nothing_is_kept_for_people_to_see(system: System):
    webhook = f"[{unknown_id()}".encode()
    assert show(system, webhook).status_code == 200
    assert eventually(lambda: kept_webhook(system, webhook) == [["phonepe_v2", "unknown"]])


@pytest.mark.parametrize(
    ("event", "state"),
    [
        ("checkout.order.completed", "COMPLETED"),
        ("checkout.order.completed", "EXPIRED"),
        ("checkout.order.completed", "PENDING"),
        ("checkout.transaction.attempt.failed", "PENDING"),
    ],
)
def test_what_an_event_calls_itself_moves_nothing(system: System, event: str, state: str):
    """The shared secret authenticates the sender, not the content; the vendor's own samples disagree with
    themselves.
    """
    client = system.sign_in()
    booking = client.book()
    txn = client.post("/payments/initiate", {"booking_id": booking["id"]}).json()["merchant_txn_id"]
    if event.endswith("attempt.failed"):
        url = f"{system.url}/_local/payments/{txn}/attempt"
        system.http.post(url, json={}, timeout=10).raise_for_status()
    payload = {"merchantOrderId": txn, "state": state, "amount": 87980, "merchantId": "SIZZLELOCAL"}
    webhook = {"event": event, "type": event.upper(), "payload": payload}
    assert show(system, webhook).status_code == 200
    assert eventually(lambda: kept_webhook(system, webhook) == [["phonepe_v2", "pending"]])
    assert client.booking(booking["id"])["payment_status"] == "pending"
