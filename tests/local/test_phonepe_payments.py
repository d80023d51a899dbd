"""Payments and refunds at the PhonePe stand-in, from initiation to their final state."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import requests

from tests.local.phonepe_merchant import MERCHANT, SALT, a_merchant, decoded, sha256
from tests.waiting import started


@pytest.fixture
def client(tmp_path):
    with a_merchant(tmp_path) as merchant:
        yield merchant


# paying


def test_a_payment_goes_from_the_page_to_the_signed_callback_to_the_status(client):
    page = client.page("T1", 123_456_78)
    back = client.server.pay_page(page, "pay")
    assert (back.status_code, back.headers["Location"]) == (303, "http://shop.example/back?order=1")
    [callback] = client.receiver.wait()
    status = client.status("T1")
    assert callback == status
    data = status["data"]
    assert (status["success"], status["code"], data["state"]) == (True, "PAYMENT_SUCCESS", "COMPLETED")
    assert (data["merchantId"], data["merchantTransactionId"], data["amount"]) == (MERCHANT, "T1", 12_345_678)
    assert data["transactionId"].startswith("T")
    assert data["paymentInstrument"]["type"] == "UPI"
    assert re.fullmatch(r"\d{12}", data["paymentInstrument"]["utr"])


def test_a_callback_signs_its_text_and_no_path(client):
    client.paid()
    client.receiver.wait()
    _, headers, body = client.receiver.calls[0]
    assert headers["Content-Type"] == "application/json"
    assert headers["X-VERIFY"] == f"{sha256(body['response'] + SALT)}###1"
    assert headers["X-VERIFY"] != f"{sha256(body['response'] + '/callback' + SALT)}###1"


def test_a_declined_payment_has_failed(client):
    assert client.server.pay_page(client.page(), "decline").status_code == 303
    [callback] = client.receiver.wait()
    status = client.status()
    assert callback == status
    assert (status["success"], status["code"]) == (False, "PAYMENT_ERROR")
    assert (status["data"]["state"], status["data"]["paymentInstrument"]) == ("FAILED", None)
    assert status["data"]["responseCode"] == "REQUEST_DECLINE_BY_REQUESTEE"


def test_a_payment_left_pending_can_be_settled_later(client):
    page = client.page()
    assert client.server.pay_page(page, "pending").status_code == 303
    status = client.status()
    assert (status["code"], status["data"]["state"]) == ("PAYMENT_PENDING", "PENDING")
    assert client.receiver.calls == []
    client.server.settle("T1", "pay")
    assert client.receiver.wait()[0]["code"] == "PAYMENT_SUCCESS"


def test_a_double_submit_changes_nothing_and_leads_back(client):
    page = client.page()
    answers = [client.server.pay_page(page, outcome) for outcome in ("pay", "pay", "decline", "pending")]
    assert {answer.status_code for answer in answers} == {303}
    assert client.status()["code"] == "PAYMENT_SUCCESS"
    time.sleep(0.1)
    assert len(client.receiver.calls) == 1


def test_many_submits_at_once_settle_once(client):
    page = client.page()
    outcomes = ["pay", "decline"] * 4
    threads = [threading.Thread(target=client.server.pay_page, args=(page, outcome)) for outcome in outcomes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.receiver.wait()
    time.sleep(0.1)
    assert len(client.receiver.calls) == 1
    assert decoded(client.receiver.calls[0][2]) == client.status()


def test_an_unknown_transaction_is_not_found(client):
    missing = client.query_status("T404")
    assert (missing.status_code, missing.json()["code"]) == (404, "TRANSACTION_NOT_FOUND")


def test_a_callback_is_tried_again_when_the_merchant_stumbles(client):
    client.receiver.statuses = [500]
    client.paid()
    assert client.receiver.wait(2)[0] == client.receiver.wait(2)[1]


def test_a_merchant_that_is_not_there_does_not_hold_up_the_customer(client):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        page = client.page(callbackUrl=f"http://127.0.0.1:{silent.getsockname()[1]}/")
        started = time.monotonic()
        assert client.server.pay_page(page, "pay").status_code == 303
        assert time.monotonic() - started < 1


# refunds


def test_a_refund_is_pending_first_and_done_soon_with_a_callback(client):
    client.paid()
    client.receiver.wait()
    refund = client.refund("R1", 4_000)
    data = refund["data"]
    assert (refund["success"], refund["code"], data["state"]) == (True, "PAYMENT_PENDING", "PENDING")
    assert (data["merchantTransactionId"], data["amount"]) == ("R1", 4_000)
    assert data["transactionId"].startswith("TR")
    callback = client.receiver.wait(2)[1]
    status = client.status("R1")
    assert callback == status
    assert (status["code"], status["data"]["state"], status["data"]["amount"]) == (
        "PAYMENT_SUCCESS",
        "COMPLETED",
        4_000,
    )
    assert client.status("T1")["data"]["amount"] == 10_000


def test_a_refund_without_a_callback_url_is_done_silently(client):
    client.paid()
    client.receiver.wait()
    client.refund("R1", 4_000, callbackUrl=None)
    client.status_once("COMPLETED", "R1")
    time.sleep(0.1)
    assert len(client.receiver.calls) == 1


def test_refunds_in_parts_never_give_back_more_than_was_paid(client):
    client.paid()
    assert client.refund("R1", 4_000)["code"] == "PAYMENT_PENDING"
    excess = client.refund("R2", 6_001)
    assert (excess["success"], excess["code"]) == (False, "PAYMENT_ERROR")
    assert (excess["data"]["state"], excess["data"]["responseCode"]) == ("FAILED", "EXCESS_REFUND_AMOUNT")
    assert client.refund("R3", 6_000)["code"] == "PAYMENT_PENDING"
    assert client.refund("R4", 100)["data"]["responseCode"] == "EXCESS_REFUND_AMOUNT"
    assert client.status("R2") == excess


def test_the_same_refund_again_is_the_same_refund(client):
    client.paid()
    first = client.refund("R1", 4_000)
    again = client.refund("R1", 4_000)
    assert again["data"]["transactionId"] == first["data"]["transactionId"]
    client.status_once("COMPLETED", "R1")
    assert client.refund("R1", 4_000)["code"] == "PAYMENT_SUCCESS"
    assert client.refund("R1", 4_001)["code"] == "INVALID_TRANSACTION_ID"
    assert client.refund("R2", 6_000)["code"] == "PAYMENT_PENDING"


def test_only_a_completed_payment_is_refunded(client):
    assert client.refund("R1", original="T404")["code"] == "TRANSACTION_NOT_FOUND"
    client.pay("T1")
    assert client.refund("R1")["code"] == "BAD_REQUEST"
    client.server.settle("T1", "pay")
    assert client.refund("T1")["code"] == "BAD_REQUEST"
    assert client.refund("R1", 99)["code"] == "BAD_REQUEST"
    client.refund("R1", 4_000)
    assert client.refund("R2", original="R1")["code"] == "TRANSACTION_NOT_FOUND"


def test_a_refund_can_be_done_after_so_many_polls(tmp_path):
    with a_merchant(tmp_path, refund_seconds=60, refund_polls=2) as client:
        client.paid()
        client.refund("R1")
        assert [client.status("R1")["data"]["state"] for _ in range(3)] == ["PENDING", "PENDING", "COMPLETED"]


# from outside


def test_a_failed_payment_may_succeed_after_all_but_only_by_force(client):
    client.pay()
    client.server.settle("T1", "decline", code="TIMED_OUT")
    assert client.status()["code"] == "TIMED_OUT"
    with pytest.raises(requests.HTTPError, match="409"):
        client.server.settle("T1", "pay")
    client.server.settle("T1", "pay", force=True)
    assert client.status()["code"] == "PAYMENT_SUCCESS"
    assert {body["code"] for body in client.receiver.wait(2)} == {"TIMED_OUT", "PAYMENT_SUCCESS"}
    with pytest.raises(requests.HTTPError, match="409"):
        client.server.settle("T1", "decline", force=True)


def test_a_payment_may_settle_by_itself(client):
    client.pay("T1")
    client.server.settle("T1", "pay", after_polls=1)
    assert [client.status("T1")["data"]["state"] for _ in range(2)] == ["PENDING", "COMPLETED"]
    client.pay("T2")
    client.server.settle("T2", "decline", after_seconds=0.1)
    assert client.status("T2")["data"]["state"] == "PENDING"
    assert client.receiver.wait(2)[1]["data"]["state"] == "FAILED"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("T1/settle", {"outcome": "pending"}, 400),
        ("T1/settle", {"outcome": "decline", "code": "PAYMENT_SUCCESS"}, 400),
        ("T1/settle", {"outcome": "pay", "after_seconds": "soon"}, 400),
        ("T1/settle", [], 400),
        ("T404/settle", {"outcome": "pay"}, 404),
        ("faults", {"fault": "status.unheard_of"}, 400),
        ("faults", {"fault": "status.empty", "times": 0}, 400),
        ("faults", {"fault": "status.empty", "value": -1}, 400),
    ],
)
def test_an_invalid_control_request_is_refused(client, path, body, status):
    client.pay()
    answer = requests.post(f"{client.server.url}/_local/payments/{path}", json=body, timeout=5)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_the_list_is_json_to_a_program_and_a_page_to_a_browser(client):
    page = client.page("T1")
    client.server.settle("T1", "pay")
    client.receiver.wait()
    client.refund("R1")
    client.server.fault("status.empty", 2)
    newest, first = client.server.transactions()
    assert (newest["merchantTransactionId"], newest["kind"], newest["payPage"]) == ("R1", "refund", None)
    assert (first["merchantTransactionId"], first["state"], first["payPage"]) == ("T1", "COMPLETED", page)
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    listed = requests.get(client.server.url, headers=browser, timeout=5)
    for text in (f'href="{page}"', "₹100.00", "refund of T1", "status.empty, 2×"):
        assert text in listed.text


# a restart


def test_a_restart_keeps_everything(tmp_path):
    with a_merchant(tmp_path, refund_seconds=0.5) as client:
        client.paid("T1")
        token = client.page("T2").rpartition("/")[2]
        client.refund("R1")
        client.server.fault("status.rate_limited")
    with a_merchant(tmp_path) as client:
        assert client.query_status("T1").status_code == 429
        assert client.status("T1")["code"] == "PAYMENT_SUCCESS"
        assert client.pay("T1").json()["code"] == "INVALID_TRANSACTION_ID"
        assert client.server.pay_page(f"{client.server.url}/transact/{token}", "pay").status_code == 303
        client.status_once("COMPLETED", "R1")


def test_the_program_answers_health_and_ends_cleanly_on_sigterm(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = [sys.executable, "-m", "infra.local.phonepe", "--port", str(port), "--data", str(tmp_path)]
    program += ["--merchant-id", MERCHANT, "--salt-key", SALT, "--salt-index", "1", "--salt", "2:the-next-salt"]
    with started(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert str(port) in process.stdout.readline()
        health = requests.get(f"http://127.0.0.1:{port}/health", timeout=5)
        os.kill(process.pid, signal.SIGTERM)
        output = "".join(process.communicate(timeout=10))
    assert (health.status_code, process.returncode) == (200, 0)
    assert "salt" not in output
    assert "Traceback" not in output
