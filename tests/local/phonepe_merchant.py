"""A merchant of the PhonePe stand-in: a client written from the published rules alone, and its callback URL."""

import base64
import hashlib
import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

from tests.phonepe_server import PhonePeServer

MERCHANT = "PGTESTPAYUAT"
SALT = "099eb0cd-02cf-4e2a-8aca-3e6c6aff0399"


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Receiver:
    """A merchant's server that records callbacks; `statuses` are its first responses, then 200."""

    def __init__(self):
        self.calls, self.statuses = [], []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.calls.append((time.monotonic(), dict(self.headers), json.loads(body)))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/callback"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self):
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def wait(self, count=1, seconds=5):
        until = time.monotonic() + seconds
        while len(self.calls) < count and time.monotonic() < until:
            time.sleep(0.01)
        assert len(self.calls) >= count, f"{len(self.calls)} of {count} callbacks"
        return [decoded(body) for _, _, body in self.calls]


def decoded(body):
    return json.loads(base64.b64decode(body["response"]))


class Client:
    """A merchant's client, written from the published rules alone."""

    def __init__(self, server, receiver):
        self.server, self.receiver, self.callback_url = server, receiver, receiver.url

    def sign(self, text, index="1"):
        return f"{sha256(text + self.server.salts.get(index, SALT))}###{index}"

    def payment(self, transaction_id="T1", amount=10_000, **fields):
        payload = {
            "merchantId": MERCHANT,
            "merchantTransactionId": transaction_id,
            "merchantUserId": "U1",
            "amount": amount,
            "redirectUrl": "http://shop.example/back?order=1",
            "redirectMode": "REDIRECT",
            "callbackUrl": self.callback_url,
            "paymentInstrument": {"type": "PAY_PAGE"},
        }
        return {name: value for name, value in (payload | fields).items() if value is not None}

    def send(self, path, payload, *, index="1", timeout=5):
        encoded = base64.b64encode(json.dumps(payload).encode()).decode()
        headers = {"X-VERIFY": self.sign(encoded + path, index)}
        return requests.post(self.server.url + path, json={"request": encoded}, headers=headers, timeout=timeout)

    def pay(self, transaction_id="T1", amount=10_000, **fields):
        return self.send("/pg/v1/pay", self.payment(transaction_id, amount, **fields))

    def page(self, *args, **fields):
        return self.pay(*args, **fields).json()["data"]["instrumentResponse"]["redirectInfo"]["url"]

    def paid(self, transaction_id="T1", amount=10_000):
        self.pay(transaction_id, amount)
        self.server.settle(transaction_id, "pay")

    def refund(self, refund_id="R1", amount=4_000, original="T1", **fields):
        payload = {
            "merchantId": MERCHANT,
            "originalTransactionId": original,
            "merchantTransactionId": refund_id,
            "amount": amount,
            "callbackUrl": self.callback_url,
            **fields,
        }
        return self.send("/pg/v1/refund", payload).json()

    def query_status(self, transaction_id="T1", *, timeout=5, **headers):
        path = f"/pg/v1/status/{MERCHANT}/{transaction_id}"
        headers = {"X-VERIFY": self.sign(path), "X-MERCHANT-ID": MERCHANT, **headers}
        headers = {name: value for name, value in headers.items() if value is not None}
        return requests.get(self.server.url + path, headers=headers, timeout=timeout)

    def status(self, transaction_id="T1"):
        return self.query_status(transaction_id).json()

    def status_once(self, state, transaction_id, seconds=5):
        until = time.monotonic() + seconds
        while (body := self.status(transaction_id))["data"]["state"] != state:
            assert time.monotonic() < until, body
            time.sleep(0.02)
        return body


@contextmanager
def a_merchant(folder, **options):
    """Yield a merchant's client of a running stand-in with its data in `folder`."""
    options = {"merchant_id": MERCHANT, "salts": {"1": SALT, "2": "the-next-salt"}, "refund_seconds": 0.15} | options
    receiver = Receiver()
    try:
        with PhonePeServer(folder, **options) as server:
            yield Client(server, receiver)
    finally:
        receiver.stop()
