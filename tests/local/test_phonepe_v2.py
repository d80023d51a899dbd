"""The PhonePe stand-in's v2: requests, responses and webhooks, with a merchant written from the published rules alone."""

import hashlib
import json
import time

import pytest
import requests

from infra.local.phonepe.v2.faults import ANSWER, CALLBACK
from tests.local.phonepe_merchant import MERCHANT, Receiver
from tests.phonepe_server import CREDENTIALS, WEBHOOK_USER, PhonePeServer

PAY, REFUND = "/checkout/v2/pay", "/payments/v2/refund"
# The vendor's own vector: user `username`, password `password`.
PUBLISHED = "bc842c31a9e54efe320d30d948be61291f3ceee4766e36ab25fa65243cd76e0e"


class Client:
    def __init__(self, server, receiver):
        self.server, self.receiver, self.token = server, receiver, None
        self.http = requests.Session()

    def grant(self, **other):
        form = dict(zip(("client_id", "client_version", "client_secret"), CREDENTIALS, strict=True))
        form |= {"grant_type": "client_credentials", **other}
        return self.http.post(f"{self.server.url}/v1/oauth/token", data=form, timeout=5)

    def send(self, method, path, body=None, timeout=5):
        self.token = self.token or self.grant().json()["access_token"]
        headers = {"Authorization": f"O-Bearer {self.token}"}
        return self.http.request(method, self.server.url + path, json=body, headers=headers, timeout=timeout)

    def order(self, order_id="T1", amount=10_000, **other):
        flow = {"type": "PG_CHECKOUT", "merchantUrls": {"redirectUrl": "http://shop.example/back?order=1"}}
        return {"merchantOrderId": order_id, "amount": amount, "expireAfter": 1_200, "paymentFlow": flow, **other}

    def pay(self, *args, **other):
        return self.send("POST", PAY, self.order(*args, **other))

    def paid(self, order_id="T1"):
        self.pay(order_id)
        self.server.settle(order_id, "pay")

    def refund(self, refund_id="R1", amount=4_000, original="T1"):
        body = {"merchantRefundId": refund_id, "originalMerchantOrderId": original, "amount": amount}
        return self.send("POST", REFUND, body)

    def query_status(self, order_id="T1", *, details="false"):
        return self.send("GET", f"/checkout/v2/order/{order_id}/status?details={details}")

    def status(self, order_id="T1"):
        return self.query_status(order_id).json()

    def refund_status(self, refund_id="R1"):
        return self.send("GET", f"{REFUND}/{refund_id}/status").json()

    def webhooks(self, count=1):
        self.receiver.wait_for(count)
        return [body for _, _, body in self.receiver.calls]


class Hooks(Receiver):
    def wait_for(self, count):
        until = time.monotonic() + 5
        while len(self.calls) < count and time.monotonic() < until:
            time.sleep(0.01)
        assert len(self.calls) >= count


@pytest.fixture
def client(tmp_path):
    receiver = Hooks()
    options = {"merchant_id": MERCHANT, "refund_seconds": 0.15, "webhook_url": receiver.url}
    try:
        with PhonePeServer(tmp_path, **options) as server:
            made = Client(server, receiver)
            yield made
            made.http.close()
    finally:
        receiver.stop()


def test_a_token_is_given_for_the_right_credentials_and_says_when_it_ends(client):
    grant = client.grant().json()
    assert grant["token_type"] == "O-Bearer"
    assert grant["expires_at"] - time.time() == pytest.approx(3_600, abs=5)
    for wrong in ({"client_secret": "x"}, {"client_id": ""}, {"client_version": "2"}, {"grant_type": "password"}):
        refused = client.grant(**wrong)
        assert (refused.status_code, refused.json()["code"]) == (401, "INVALID_CLIENT")


@pytest.mark.parametrize("header", [None, "", "O-Bearer x", "Bearer x", "O-Bearer"])
def test_without_a_good_token_nothing_is_done(client, header):
    headers = {} if header is None else {"Authorization": header}
    refused = requests.post(client.server.url + PAY, json=client.order(), headers=headers, timeout=5)
    assert (refused.status_code, refused.json()["code"]) == (401, "AUTHORIZATION_FAILED")
    assert client.server.transactions() == []


def test_an_order_goes_from_the_page_to_the_webhook_to_the_status(client):
    begun = client.pay().json()
    assert (begun["state"], begun["orderId"][:3]) == ("PENDING", "OMO")
    assert begun["expireAt"] / 1_000 - time.time() == pytest.approx(1_200, abs=5)
    back = client.server.pay_page(begun["redirectUrl"], "pay")
    assert (back.status_code, back.headers["Location"]) == (303, "http://shop.example/back?order=1")
    [webhook] = client.webhooks()
    status = client.status()
    assert (webhook["event"], webhook["payload"]) == ("checkout.order.completed", status)
    assert (status["state"], status["amount"], status["merchantOrderId"]) == ("COMPLETED", 10_000, "T1")
    [tried] = status["paymentDetails"]
    assert (tried["state"], len(tried["rail"]["utr"]), tried["paymentMode"]) == ("COMPLETED", 12, "UPI_INTENT")


def test_a_webhook_shows_the_hash_of_its_user_and_no_more(client):
    assert hashlib.sha256(b"username:password").hexdigest() == PUBLISHED
    client.paid()
    client.webhooks()
    _, headers, _ = client.receiver.calls[0]
    assert headers["Authorization"] == hashlib.sha256(":".join(WEBHOOK_USER).encode()).hexdigest()


def test_a_try_may_fail_inside_an_order_that_lives_on(client):
    client.pay()
    client.server.attempt("T1")
    [webhook] = client.webhooks()
    assert (webhook["event"], webhook["payload"]["state"]) == ("checkout.transaction.attempt.failed", "PENDING")
    assert (client.status()["state"], client.status()["paymentDetails"][0]["state"]) == ("PENDING", "FAILED")
    client.server.settle("T1", "pay")
    status = client.query_status(details="true").json()
    assert (status["state"], [tried["state"] for tried in status["paymentDetails"]]) == (
        "COMPLETED",
        ["FAILED", "COMPLETED"],
    )


def test_an_order_that_failed_says_why(client):
    client.pay()
    client.server.settle("T1", "decline", code="TIMED_OUT")
    status = client.status()
    assert (status["state"], status["errorCode"], status["detailedErrorCode"]) == (
        "FAILED",
        "PAYMENT_ERROR",
        "TXN_AUTO_FAILED",
    )
    assert client.webhooks()[0]["event"] == "checkout.order.failed"


def test_a_refund_is_pending_then_confirmed_then_done_or_failed(client):
    client.paid()
    client.server.fault("refund.stays_pending")
    assert client.refund().json()["state"] == "PENDING"
    assert client.refund_status()["state"] == "CONFIRMED"
    client.server.settle("R1", "pay")
    assert (client.refund_status()["state"], client.refund_status()["originalMerchantOrderId"]) == ("COMPLETED", "T1")
    client.server.fault("refund.fails")
    client.refund("R2")
    client.server.settle("R2", "decline")
    assert client.refund_status("R2")["state"] == "FAILED"
    events = {webhook["event"] for webhook in client.webhooks(5)}
    assert {"pg.refund.accepted", "pg.refund.completed", "pg.refund.failed"} <= events


def test_an_id_is_used_once_and_each_kind_has_its_own_status(client):
    client.paid()
    assert (client.pay().status_code, client.refund("T1").status_code) == (409, 400)
    client.refund()
    assert client.refund().status_code == 409
    assert (client.query_status("R1").status_code, client.query_status("T404").status_code) == (404, 404)
    assert len(client.server.transactions()) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"merchantOrderId": "x" * 64},
        {"merchantOrderId": "with space"},
        {"amount": 99},
        {"amount": "100"},
        {"expireAfter": 299},
        {"expireAfter": 3_601},
        {"paymentFlow": {"type": "PG_CHECKOUT"}},
        {"paymentFlow": {"type": "PG", "merchantUrls": {"redirectUrl": "http://shop.example"}}},
        {"paymentFlow": {"type": "PG_CHECKOUT", "merchantUrls": {"redirectUrl": "javascript:alert(1)"}}},
    ],
)
def test_an_order_that_breaks_a_rule_is_a_bad_request(client, other):
    refused = client.send("POST", PAY, client.order() | other)
    assert (refused.status_code, refused.json()["code"]) == (400, "BAD_REQUEST")
    assert client.server.transactions() == []


def test_an_order_ends_by_itself(client, monkeypatch):
    monkeypatch.setattr("infra.local.phonepe.v2.payloads.SHORTEST", 0)
    client.pay("T1", expireAfter=0)
    assert client.webhooks()[0]["payload"]["detailedErrorCode"] == "TXN_AUTO_FAILED"


CHECKS = {
    "http_500": lambda answer: answer.status_code == 500 and "{" not in answer.text,
    "empty": lambda answer: answer.content == b"",
    "html": lambda answer: answer.headers["Content-Type"].startswith("text/html"),
    "internal_server_error": lambda answer: answer.status_code == 500 and answer.json()["code"],
    "rate_limited": lambda answer: answer.status_code == 429,
    "not_found": lambda answer: answer.status_code == 404 and answer.json()["code"],
    "conflict": lambda answer: answer.status_code == 409,
    "unknown_code": lambda answer: answer.json()["state"] == "HELD",
    "unknown_fields": lambda answer: answer.json()["version"] == 7,
    "expired": lambda answer: answer.json()["state"] == "EXPIRED",
    "error_code": lambda answer: (answer.json()["state"], answer.json()["errorCode"]) == ("COMPLETED", "TXN_CANCELLED"),
    "anonymous": lambda answer: not {"merchantId", "merchantOrderId"} & set(answer.json()),
    "other_amount": lambda answer: answer.json()["amount"] == 10_100,
    "other_merchant": lambda answer: answer.json()["merchantId"] == "OTHERMERCHANT",
    "other_transaction": lambda answer: answer.json()["merchantOrderId"] == "OTHER-1",
}
WEBHOOKS = {
    "other_merchant": lambda body: body["payload"]["merchantId"] == "OTHERMERCHANT",
    "other_amount": lambda body: body["payload"]["amount"] == 10_100,
    "unknown_transaction": lambda body: body["payload"]["merchantOrderId"] == "OTHER-1",
    "claims_success": lambda body: (
        (body["event"], body["payload"]["state"]) == ("checkout.order.completed", "COMPLETED")
    ),
    "completed_but_pending": lambda body: (body["event"][-9:], body["payload"]["state"]) == ("completed", "PENDING"),
    "completed_but_expired": lambda body: (body["event"][-9:], body["payload"]["state"]) == ("completed", "EXPIRED"),
    "unknown_event": lambda body: body["event"] == "pg.moon",
}


def test_every_answer_can_go_wrong_and_is_then_right(client):
    client.paid()
    for name, goes_wrong in CHECKS.items():
        client.server.fault(f"status.{name}")
        assert goes_wrong(client.query_status()), name
        assert client.status()["state"] == "COMPLETED"
    shown = {f"{stage}.{name}" for stage in ("pay", "status", "refund") for name in (*CHECKS, "timeout")}
    assert shown == {name for name in ANSWER if not name.startswith("token.")}


def test_an_answer_goes_wrong_though_all_was_done_and_a_rejection_when_nothing_was(client):
    for stage, name, done in (("pay", "http_500", 1), ("pay", "unauthorized", 1), ("pay", "revoked", 1)):
        client.server.fault(f"{stage}.{name}")
        client.pay(f"T-{name}")
        assert len(client.server.transactions()) == done
    assert client.pay("T9").status_code == 401  # the token is no longer one
    client.token = None
    assert client.pay("T9").status_code == 200


def test_a_token_can_be_refused_short_or_without_an_end(client):
    client.server.fault("token.refused")
    assert client.grant().status_code == 401
    client.server.fault("token.eternal")
    assert "expires_at" not in client.grant().json()
    client.server.fault("token.short", value=0)
    client.token = client.grant().json()["access_token"]
    assert client.pay().status_code == 401


def test_every_webhook_can_lie_under_the_right_word(client):
    for name, lies in WEBHOOKS.items():
        client.receiver.calls.clear()
        client.pay(name)
        client.server.fault(f"callback.{name}")
        client.server.settle(name, "decline")
        [body] = client.webhooks()
        assert lies(body), name
        assert client.status(name)["state"] == "FAILED"
    ways = {"lost", "repeated", "delayed", "bad_signature", "unknown_index"}
    assert {f"callback.{name}" for name in (*WEBHOOKS, *ways)} == set(CALLBACK)


def test_a_webhook_can_be_lost_repeated_and_under_another_word(client):
    client.pay()
    client.server.fault("callback.repeated")
    client.server.settle("T1", "pay")
    assert len({json.dumps(body) for body in client.webhooks(3)}) == 1
    right = client.receiver.calls[0][1]["Authorization"]
    for nth, name in enumerate(("bad_signature", "unknown_index")):
        client.pay(name)
        client.server.fault(f"callback.{name}")
        client.server.settle(name, "pay")
        client.webhooks(4 + nth)
        assert client.receiver.calls[-1][1]["Authorization"] != right
    client.server.fault("callback.lost")
    client.paid("T2")
    time.sleep(0.1)
    assert len(client.receiver.calls) == 5
