"""Every fault of the PhonePe stand-in, once."""

import time

import pytest
import requests

from infra.local.phonepe.faults import ANSWER
from tests.local.phonepe_merchant import MERCHANT, SALT, a_merchant, decoded, sha256

ANSWER_CHECKS = {
    "http_500": lambda answer: answer.status_code == 500 and "{" not in answer.text,
    "empty": lambda answer: answer.status_code == 200 and answer.content == b"",
    "html": lambda answer: answer.headers["Content-Type"].startswith("text/html"),
    "internal_server_error": lambda answer: (
        answer.json()["code"] == "INTERNAL_SERVER_ERROR" and "data" not in answer.json()
    ),
    "rate_limited": lambda answer: answer.status_code == 429,
    "not_found": lambda answer: answer.json()["code"] == "TRANSACTION_NOT_FOUND",
    "unauthorized": lambda answer: (answer.status_code, answer.json()["code"]) == (401, "401"),
    "unknown_code": lambda answer: (answer.json()["code"], answer.json()["data"]["state"]) == ("PAYMENT_HELD", "HELD"),
    "unknown_fields": lambda answer: answer.json()["version"] == 7 and "riskScore" in answer.json()["data"],
    "other_merchant": lambda answer: answer.json()["data"]["merchantId"] == "OTHERMERCHANT",
    "other_transaction": lambda answer: answer.json()["data"]["merchantTransactionId"] == "OTHER-1",
    "other_amount": lambda answer: answer.json()["data"]["amount"] == 10_100,
}
CALLBACK_CHECKS = {
    "other_merchant": lambda body: body["data"]["merchantId"] == "OTHERMERCHANT",
    "other_amount": lambda body: body["data"]["amount"] == 10_100,
    "unknown_transaction": lambda body: body["data"]["merchantTransactionId"] == "OTHER-1",
    "claims_success": lambda body: (body["code"], body["data"]["state"]) == ("PAYMENT_SUCCESS", "COMPLETED"),
}


@pytest.fixture
def client(tmp_path):
    with a_merchant(tmp_path) as merchant:
        yield merchant


@pytest.mark.parametrize("name", ANSWER_CHECKS)
def test_a_status_goes_wrong_as_its_fault_says_and_then_right(client, name):
    client.paid()
    client.server.fault(f"status.{name}")
    assert ANSWER_CHECKS[name](client.query_status())
    assert client.status()["code"] == "PAYMENT_SUCCESS"


@pytest.mark.parametrize("name", sorted(set(ANSWER_CHECKS) - {"other_amount"}))
def test_an_answer_of_pay_goes_wrong_though_the_order_was_made(client, name):
    client.server.fault(f"pay.{name}", transaction="T1")
    assert ANSWER_CHECKS[name](client.pay())
    assert client.status()["code"] == "PAYMENT_PENDING"


@pytest.mark.parametrize("name", ["http_500", "internal_server_error", "not_found", "rate_limited"])
def test_an_answer_of_refund_goes_wrong_though_the_refund_was_made(client, name):
    client.paid()
    client.server.fault(f"refund.{name}", transaction="T1")
    answer = client.send("/pg/v1/refund", refund_payload(client))
    assert ANSWER_CHECKS[name](answer)
    assert client.status_once("COMPLETED", "R1")


def refund_payload(client):
    payload = {"originalTransactionId": "T1", "merchantTransactionId": "R1", "amount": 10_000, "merchantId": MERCHANT}
    return payload | {"callbackUrl": client.callback_url}


def test_an_answer_comes_too_late_though_all_was_done(client):
    client.server.fault("pay.timeout")
    with pytest.raises(requests.ReadTimeout):
        client.send("/pg/v1/pay", client.payment(), timeout=0.2)
    client.server.settle("T1", "pay")
    client.server.fault("refund.timeout")
    with pytest.raises(requests.ReadTimeout):
        client.send("/pg/v1/refund", refund_payload(client), timeout=0.2)
    assert client.status_once("COMPLETED", "R1")
    client.server.fault("status.timeout", value=0.3)
    started = time.monotonic()
    assert client.status()["code"] == "PAYMENT_SUCCESS"
    assert time.monotonic() - started >= 0.3


def test_a_transaction_is_not_found_n_times_and_then_found(client):
    client.paid()
    client.server.fault("status.not_found", 2)
    assert [client.query_status().status_code for _ in range(3)] == [404, 404, 200]


def test_a_fault_of_one_transaction_leaves_the_others_alone(client):
    client.paid("T1")
    client.paid("T2")
    client.server.fault("status.empty", transaction="T2")
    assert client.status("T1")["code"] == "PAYMENT_SUCCESS"
    assert client.query_status("T2").content == b""


def test_faults_can_be_taken_back(client):
    client.paid()
    client.server.fault("status.empty", 5)
    client.server.no_faults()
    assert client.status()["code"] == "PAYMENT_SUCCESS"


@pytest.mark.parametrize("name", ["unreached", "refused"])
def test_a_pay_call_can_fail_with_nothing_made(client, name):
    client.server.fault(f"pay.{name}")
    assert client.pay().json()["success"] is False
    assert client.status()["code"] == "TRANSACTION_NOT_FOUND"
    assert client.pay().json()["code"] == "PAYMENT_INITIATED"


def test_a_callback_can_come_before_pay_answers(client):
    client.server.fault("pay.callback_first")
    assert client.pay().json()["code"] == "PAYMENT_INITIATED"
    assert len(client.receiver.calls) == 1
    assert decoded(client.receiver.calls[0][2]) == client.status()


def test_a_refund_call_can_fail_with_nothing_made(client):
    client.paid()
    client.server.fault("refund.unreached")
    assert client.refund()["code"] == "INTERNAL_SERVER_ERROR"
    assert client.status("R1")["code"] == "TRANSACTION_NOT_FOUND"
    assert client.refund()["code"] == "PAYMENT_PENDING"


def test_a_refund_can_fail_after_all(client):
    client.paid()
    client.server.fault("refund.fails")
    assert client.refund("R1", 10_000)["code"] == "PAYMENT_PENDING"
    assert client.status_once("FAILED", "R1")["code"] == "PAYMENT_ERROR"
    assert client.refund("R2", 10_000)["code"] == "PAYMENT_PENDING"


def test_a_refund_can_stay_pending_until_it_is_settled(client):
    client.paid()
    client.server.fault("refund.stays_pending")
    client.refund("R1")
    time.sleep(0.4)
    assert client.status("R1")["code"] == "PAYMENT_PENDING"
    client.server.settle("R1", "pay")
    assert client.status("R1")["code"] == "PAYMENT_SUCCESS"


def test_a_refund_can_stay_pending_for_a_while(client):
    client.paid()
    client.server.fault("refund.stays_pending", value=0.5)
    client.refund("R1")
    time.sleep(0.3)
    assert client.status("R1")["code"] == "PAYMENT_PENDING"
    client.status_once("COMPLETED", "R1")


@pytest.mark.parametrize(
    ("name", "code", "response_code"),
    [
        ("excess", "PAYMENT_ERROR", "EXCESS_REFUND_AMOUNT"),
        ("window_exceeded", "REVERSAL_WINDOW_EXCEEDED", "REVERSAL_WINDOW_EXCEEDED"),
    ],
)
def test_a_refund_can_be_refused_at_once(client, name, code, response_code):
    client.paid()
    client.server.fault(f"refund.{name}")
    refused = client.refund("R1", 100)
    assert (refused["code"], refused["data"]["responseCode"]) == (code, response_code)
    assert refused == client.status("R1")


@pytest.mark.parametrize("name", CALLBACK_CHECKS)
def test_a_callback_can_lie_under_a_good_signature(client, name):
    client.pay()
    client.server.fault(f"callback.{name}")
    client.server.settle("T1", "decline")
    [body] = client.receiver.wait()
    assert CALLBACK_CHECKS[name](body)
    _, headers, sent = client.receiver.calls[0]
    assert headers["X-VERIFY"] == f"{sha256(sent['response'] + SALT)}###1"
    assert client.status()["data"]["state"] == "FAILED"


def test_a_callback_can_be_lost(client):
    client.server.fault("callback.lost")
    client.paid()
    time.sleep(0.2)
    assert client.receiver.calls == []
    assert client.server.transactions()[0]["callback"] == "lost on purpose"


@pytest.mark.parametrize(("value", "times"), [(None, 3), (2, 2)])
def test_a_callback_can_be_repeated(client, value, times):
    client.server.fault("callback.repeated", value=value)
    client.paid()
    client.receiver.wait(times)
    time.sleep(0.1)
    assert len(client.receiver.calls) == times
    assert len({body["response"] for _, _, body in client.receiver.calls}) == 1


def test_a_callback_can_be_late(client):
    client.server.fault("callback.delayed", value=0.4)
    client.paid()
    settled = time.monotonic()
    client.receiver.wait()
    assert client.receiver.calls[0][0] - settled > 0.3


def test_a_callback_can_be_signed_wrongly(client):
    client.server.fault("callback.bad_signature")
    client.paid()
    client.receiver.wait()
    _, headers, body = client.receiver.calls[0]
    digest, _, index = headers["X-VERIFY"].partition("###")
    assert index == "1"
    assert digest != sha256(body["response"] + SALT)


def test_a_callback_can_be_signed_under_an_unknown_index(client):
    client.server.fault("callback.unknown_index")
    client.paid()
    client.receiver.wait()
    _, headers, _ = client.receiver.calls[0]
    assert headers["X-VERIFY"].partition("###")[2] not in client.server.salts


def test_no_answer_goes_wrong_in_a_way_that_is_not_shown_here():
    shown = {f"{stage}.{name}" for stage in ("pay", "status", "refund") for name in (*ANSWER_CHECKS, "timeout")}
    assert shown == set(ANSWER)
