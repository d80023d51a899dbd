"""Each call of the PhonePe client is sent once, and ends with a response or as unavailable."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from infra.phonepe.v1.client import PhonePe
from infra.phonepe.v1.wire import Signer
from shared.kit.settings import Keys
from shared.payments.gateway import GatewayStatus, GatewayUnavailable, Order, RefundOrder

CALLS = {
    "start": lambda gateway: gateway.start(Order("SZ_1", 100, "payer", "https://app.example/")),
    "payment": lambda gateway: gateway.payment("SZ_1"),
    "refund": lambda gateway: gateway.refund(RefundOrder("SZR_1", "SZ_1", 100)),
    "refund_status": lambda gateway: gateway.refund_status("SZR_1"),
}
QUESTIONS = ("payment", "refund", "refund_status")


class Odd:
    """A server that records requests and sends the same bytes to each; None closes the connection instead."""

    def __init__(self):
        self.answer, self.received = None, []
        odd = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.do_POST()

            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                odd.received.append((self.command, self.path, dict(self.headers)))
                if odd.answer is not None:
                    self.wfile.write(odd.answer)
                self.close_connection = True

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self):
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@pytest.fixture
def odd():
    server = Odd()
    yield server
    server.stop()


@pytest.fixture
def gateway(odd):
    made = PhonePe(
        f"{odd.url}/apis/hermes/", "M", Signer(Keys({"2": "salt-two", "1": "salt-one"})), "http://127.0.0.1:9/"
    )
    yield made
    made._http.close()


def http(body, status="200 OK", *headers):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(None, id="hangs up"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", id="hangs up in the middle"),
        pytest.param(b"\x16\x03\x01 not HTTP at all\r\n\r\n", id="speaks another protocol"),
        pytest.param(http(b"", "503 Service Unavailable", "Retry-After: 0"), id="says to come again at once"),
        pytest.param(http(b'{"code":"PAYMENT_SUCCESS"}', "500 Internal Server Error"), id="fails with a success"),
        pytest.param(http(b"", "302 Found", "Location: /elsewhere"), id="sends elsewhere"),
        pytest.param(http(b"", "307 Temporary Redirect", "Location: /elsewhere"), id="sends elsewhere with the body"),
        pytest.param(http(b"[]"), id="a list"),
        pytest.param(http(b'"PAYMENT_SUCCESS"'), id="a word"),
        pytest.param(http(b"null"), id="null"),
        pytest.param(http(b"[" * 100_000), id="nested without end"),
        pytest.param(http(b"\xff\xfe\xfd"), id="no text"),
        pytest.param(http(b"1" * 10_000), id="a number too long to read"),
    ],
)
def test_what_is_no_answer_is_asked_for_once_and_unavailable(gateway, odd, call, answer):
    """An automatic second POST could begin a second payment; the caller queries the payment by id instead."""
    odd.answer = answer
    with pytest.raises(GatewayUnavailable):
        CALLS[call](gateway)
    assert len(odd.received) == 1


@pytest.mark.parametrize("code", [b"[]", b"{}", b'["PAYMENT_SUCCESS"]', b"null", b"true", b'"\\u0000"', b'"\\ud800"'])
def test_an_answer_whose_code_is_no_word_decides_nothing(gateway, odd, code):
    odd.answer = http(b'{"success":true,"code":' + code + b',"data":{"amount":100}}')
    with pytest.raises(GatewayUnavailable, match="gave no answer"):
        CALLS["start"](gateway)
    for call in QUESTIONS:
        assert CALLS[call](gateway).status is GatewayStatus.PENDING
    assert len(odd.received) == 4


def test_each_call_is_signed_by_the_first_salt_names_the_merchant_and_follows_the_base_address(gateway, odd):
    odd.answer = http(b"{}")
    for call in CALLS.values():
        try:
            call(gateway)
        except GatewayUnavailable:
            continue
    assert [(method, path) for method, path, _ in odd.received] == [
        ("POST", "/apis/hermes/pg/v1/pay"),
        ("GET", "/apis/hermes/pg/v1/status/M/SZ_1"),
        ("POST", "/apis/hermes/pg/v1/refund"),
        ("GET", "/apis/hermes/pg/v1/status/M/SZR_1"),
    ]
    for _, _, headers in odd.received:
        assert headers["X-VERIFY"].endswith("###2")
        assert headers["X-MERCHANT-ID"] == "M"
        assert headers["Content-Type"] == "application/json"
