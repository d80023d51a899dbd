"""Payment initiation and status, over HTTP."""

from typing import Any

import pytest

from tests.system import Client, System

UNKNOWN_ID = "5f2c1f6e-6a0c-4d1e-9a51-7f0c7b1d2e30"


@pytest.fixture
def client(system: System) -> Client:
    return system.sign_in()


def initiate(client: Client, booking: dict[str, Any], **headers: str) -> Any:
    return client.post("/payments/initiate", {"booking_id": booking["id"]}, **headers)


def test_a_page_to_pay_on_is_given_again_while_it_is_fresh(client: Client):
    booking = client.book()
    first, second = initiate(client, booking), initiate(client, booking)
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert set(first.json()) == {"payment_url", "merchant_txn_id"}
    assert first.json()["payment_url"].startswith(f"{client.system.url}/transact/")
    assert len(first.json()["merchant_txn_id"]) <= 34


def test_the_pay_page_shows_the_price_of_the_booking(client: Client):
    page = initiate(client, client.book(guest_count=8)).json()["payment_url"]
    shown = client.system.http.get(page, timeout=10)
    assert shown.status_code == 200
    assert "1,311.98" in shown.text


def test_an_attempt_tells_how_it_stands_and_what_that_makes_of_the_booking(client: Client):
    booking = client.book()
    txn = initiate(client, booking).json()["merchant_txn_id"]
    polled = client.get(f"/payments/status/{txn}").json()
    pending = {
        "merchant_txn_id": txn,
        "status": "pending",
        "amount": 879.8,
        "booking_id": booking["id"],
        "booking_ref": booking["ref"],
        "payment_status": "pending",
    }
    assert polled == pending


def test_what_belongs_to_somebody_else_is_not_there(system: System, client: Client):
    booking = client.book()
    txn = initiate(client, booking).json()["merchant_txn_id"]
    other = system.sign_in()
    answer = initiate(other, booking)
    assert (answer.status_code, answer.json()["code"]) == (404, "booking_not_found")
    answer = other.get(f"/payments/status/{txn}")
    assert (answer.status_code, answer.json()["code"]) == (404, "payment_not_found")
    assert initiate(other, {"id": UNKNOWN_ID}).status_code == 404


@pytest.mark.parametrize("txn", ["SZ_UNKNOWN", "x" * 300, "%00", "%ff", "a%2fb", "%F0%9F%8D%B2", "' or 1=1"])
def test_an_unknown_id_is_not_found(client: Client, txn: str):
    assert client.get(f"/payments/status/{txn}").status_code in {404, 422}


@pytest.mark.parametrize(
    "body", [{}, {"booking_id": "x"}, {"booking_id": None}, {"booking_id": UNKNOWN_ID, "amount": 1}, {"amount": 1}, []]
)
def test_only_a_booking_is_named_never_an_amount(client: Client, body: object):
    assert client.post("/payments/initiate", body).status_code == 422


def test_a_paid_booking_cannot_be_paid_again(client: Client):
    booking = client.book()
    txn = client.pay(booking["id"])
    assert client.get(f"/payments/status/{txn}").json()["status"] == "success"
    answer = initiate(client, booking)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_payable")


def test_after_a_declined_payment_another_is_started(client: Client):
    booking = client.book()
    declined = client.pay(booking["id"], "decline")
    assert client.get(f"/payments/status/{declined}").json()["status"] == "failed"
    assert client.booking(booking["id"])["payment_status"] == "failed"
    again = client.pay(booking["id"])
    assert again != declined
    assert client.get(f"/payments/status/{again}").json()["payment_status"] == "success"


def test_past_its_deadline_a_booking_cannot_be_paid(system: System, client: Client):
    booking = client.book()
    system.sql("update bookings set pay_by = now() where id = :id", id=booking["id"])
    answer = initiate(client, booking)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_payable")


def test_a_payment_begun_in_time_extends_the_deadline_once(system: System, client: Client):
    booking = client.book()
    system.sql("update bookings set pay_by = now() + interval '1 minute' where id = :id", id=booking["id"])
    client.pay(booking["id"], "decline")
    assert client.booking(booking["id"])["pay_by"] > booking["created_at"]
    left = "select pay_by - now() > interval '20 minutes' from bookings where id = :id"
    assert system.sql(left, id=booking["id"]) == [[True]]
    system.sql("update bookings set pay_by = now() + interval '1 minute' where id = :id", id=booking["id"])
    client.pay(booking["id"], "pending")
    assert system.sql(left, id=booking["id"]) == [[False]]


def test_one_key_starts_one_attempt(system: System, client: Client):
    booking = client.book()
    first = initiate(client, booking, Idempotency_Key="pay once").json()
    assert initiate(client, booking, Idempotency_Key="pay once").json() == first
    other = initiate(client, client.book(), Idempotency_Key="pay once")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert system.sql("select count(*) from payment_attempts where booking_id = :id", id=booking["id"]) == [[1]]


@pytest.mark.parametrize("fault", ["pay.http_500", "pay.empty", "pay.html", "pay.unreached", "pay.refused"])
def test_a_gateway_that_fails_is_a_503_to_come_back_from(system: System, client: Client, fault: str):
    booking = client.book()
    system.http.post(f"{system.url}/_local/payments/faults", json={"fault": fault}, timeout=10)
    answer = initiate(client, booking)
    assert (answer.status_code, answer.json()["code"]) == (503, "gateway_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    system.sql(
        "update payment_attempts set started_at = started_at - interval '30 seconds' where booking_id = :id",
        id=booking["id"],
    )
    assert initiate(client, booking).status_code == 200
