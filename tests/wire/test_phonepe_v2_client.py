"""The PhonePe v2 client against its stand-in: the meaning of each response, and the retried calls."""

import socket
import traceback
from contextlib import closing
from datetime import UTC, datetime

import pytest
import requests

from infra.outside import CalledInsideTransaction, transaction_open
from infra.phonepe import calls
from infra.phonepe.v2.client import PhonePe
from infra.phonepe.v2.token import Credentials, Tokens
from infra.redis import UpstashRedis
from shared.payments.gateway import GatewayRefused, GatewayStatus, GatewayUnavailable, Order, RefundOrder
from shared.payments.lifecycle import AttemptState
from shared.payments.matching import PaymentRequest, verdict
from tests.phonepe_server import CREDENTIALS

ORDER = Order("SZ_1", 236_156, "payer", "https://app.example/back?ref=SZ-A1B2C3D4")
REFUND = RefundOrder("SZR_1", "SZ_1", 118_078)
NOW = datetime(2026, 11, 20, 5, tzinfo=UTC)
REQUEST = PaymentRequest("TESTMERCHANT", "SZ_1", 236_156, "INR", NOW)
CALLS = {
    "start": lambda gateway: gateway.start(ORDER),
    "payment": lambda gateway: gateway.payment("SZ_1"),
    "refund": lambda gateway: gateway.refund(REFUND),
    "refund_status": lambda gateway: gateway.refund_status("SZR_1"),
}
STAGES = {"start": "pay", "payment": "status", "refund": "refund", "refund_status": "status"}


@pytest.fixture
def another(phonepe):
    """Return a factory of clients with this `secret` and `base`."""
    with closing(UpstashRedis("http://127.0.0.1:9", "nobody is there")) as store:

        def make(secret=CREDENTIALS[2], base=None, auth=None):
            tokens = Tokens(auth or phonepe.url, Credentials(*CREDENTIALS[:2], secret), store)
            return PhonePe(base or phonepe.url, "TESTMERCHANT", tokens)

        yield make


@pytest.fixture
def gateway(another):
    return another()


@pytest.fixture
def paid(gateway, phonepe):
    """A payment that has succeeded."""
    gateway.start(ORDER)
    phonepe.settle("SZ_1", "pay")
    return phonepe


def test_a_started_payment_has_a_page_and_is_open_as_long_as_we_wait(gateway, phonepe):
    url = gateway.start(ORDER)
    assert requests.get(url, timeout=5).status_code == 200
    back = phonepe.pay_page(url, "pay").headers["Location"]
    assert back.startswith("https://app.example/back?ref=SZ-A1B2C3D4")
    [payment] = phonepe.transactions()
    assert (payment["merchantTransactionId"], payment["amount"], payment["api"]) == ("SZ_1", 236_156, "v2")


def test_a_payment_is_pending_then_paid_to_the_paisa(gateway, phonepe):
    gateway.start(ORDER)
    assert gateway.payment("SZ_1").status is GatewayStatus.PENDING
    phonepe.attempt("SZ_1")
    assert gateway.payment("SZ_1").status is GatewayStatus.PENDING
    phonepe.settle("SZ_1", "pay")
    answer = gateway.payment("SZ_1")
    assert verdict(REQUEST, answer, NOW) is AttemptState.SUCCEEDED
    assert answer.gateway_txn_id.startswith("OMO")
    assert (len(answer.bank_reference), answer.method, answer.fee) == (12, "UPI_INTENT", 4_723)


def test_a_refund_is_pending_then_confirmed_which_is_not_its_end_then_done(gateway, paid):
    paid.fault("refund.stays_pending")
    assert (gateway.refund(REFUND).status, gateway.refund(REFUND).code) == (GatewayStatus.PENDING, "CONFIRMED")
    paid.settle("SZR_1", "pay")
    answer = gateway.refund_status("SZR_1")
    assert (answer.status, answer.merchant_txn_id, answer.amount) == (GatewayStatus.SUCCEEDED, "SZR_1", 118_078)
    assert [one["kind"] for one in paid.transactions()].count("refund") == 1


def test_a_refund_that_was_confirmed_may_fail(gateway, paid):
    paid.fault("refund.fails")
    assert gateway.refund(REFUND).status is GatewayStatus.PENDING
    answer = gateway.refund_status("SZR_1")
    assert (answer.status, answer.code) == (GatewayStatus.FAILED, "PAYMENT_ERROR")


def test_a_refund_that_is_refused_began_nothing_and_one_in_flight_may_have(gateway, paid):
    gateway.start(Order("SZ_2", 500, "payer", "https://app.example/"))
    refused = gateway.refund(RefundOrder("SZR_2", "SZ_2", 500))
    assert (refused.status, refused.code) == (GatewayStatus.FAILED, "BAD_REQUEST")
    assert gateway.refund(RefundOrder("SZR_3", "SZ_none", 500)).status is GatewayStatus.NOT_FOUND
    paid.fault("refund.conflict")
    paid.fault("status.not_found")
    with pytest.raises(GatewayUnavailable):
        gateway.refund(REFUND)
    assert gateway.refund(REFUND).status is GatewayStatus.SUCCEEDED


def test_an_order_that_is_refused_began_nothing(gateway, another, phonepe):
    phonepe.fault("pay.refused")
    for order, code in ((ORDER, "PAYMENT_ERROR"), (Order("SZ_2", 99, "p", "https://app.example/"), "BAD_REQUEST")):
        with pytest.raises(GatewayRefused, match=code):
            gateway.start(order)
    phonepe.fault("pay.unauthorized")
    with pytest.raises(GatewayRefused, match="FORBIDDEN"):
        gateway.start(ORDER)
    with pytest.raises(GatewayRefused, match="INVALID_CLIENT"):
        another(secret="not-ours").start(ORDER)
    assert phonepe.transactions() == []


def test_an_id_that_was_used_before_is_no_refusal_but_a_reason_to_ask(gateway, phonepe):
    gateway.start(ORDER)
    with pytest.raises(GatewayUnavailable, match="no answer") as unavailable:
        gateway.start(ORDER)
    assert unavailable.value.reason == "HTTP 409 DUPLICATE_REQUEST"
    assert len(phonepe.transactions()) == 1


def test_wrong_credentials_end_nothing_and_raise_an_alarm(another, paid, caplog):
    wrong = another(secret="not-ours")
    for call in ("payment", "refund", "refund_status"):
        with pytest.raises(GatewayUnavailable):
            CALLS[call](wrong)
    alarms = [record.fields["alarm"] for record in caplog.records if "alarm" in record.fields]
    assert alarms == ["gateway_refuses"] * 3
    assert len(paid.transactions()) == 1


@pytest.mark.parametrize("call", CALLS)
def test_a_token_that_is_rejected_in_flight_is_replaced_once_and_the_call_repeated_once(gateway, phonepe, call):
    """Fails when a 401 counts as a result; a 401 has no effect, so the call can be repeated."""
    if call != "start":
        gateway.start(ORDER)
        phonepe.settle("SZ_1", "pay")
    if call == "refund_status":
        gateway.refund(REFUND)
    before = len(phonepe.transactions())
    phonepe.fault(f"{STAGES[call]}.revoked")
    CALLS[call](gateway)
    assert len(phonepe.transactions()) == before + (call in {"start", "refund"})
    phonepe.fault(f"{STAGES[call]}.revoked", times=2)
    with pytest.raises((GatewayUnavailable, GatewayRefused)):
        CALLS[call](gateway)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", ["http_500", "empty", "html", "rate_limited", "internal_server_error"])
def test_what_is_no_usable_answer_is_unavailable_and_the_next_one_is_heard(gateway, phonepe, call, fault):
    if call != "start":
        gateway.start(ORDER)
        phonepe.settle("SZ_1", "pay")
    if call == "refund_status":
        gateway.refund(REFUND)
    phonepe.fault(f"{STAGES[call]}.{fault}")
    with pytest.raises(GatewayUnavailable) as unavailable:
        CALLS[call](gateway)
    assert (unavailable.value.status, unavailable.value.retry_after) == (503, 5)
    assert gateway.payment("SZ_1").status in {GatewayStatus.PENDING, GatewayStatus.SUCCEEDED}


@pytest.mark.parametrize("fault", ["http_500", "empty", "html", "rate_limited", "eternal"])
def test_without_a_token_nothing_is_asked(gateway, phonepe, fault):
    phonepe.fault(f"token.{fault}")
    with pytest.raises(GatewayUnavailable):
        gateway.start(ORDER)
    assert phonepe.transactions() == []
    assert gateway.start(ORDER)


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("not_found", AttemptState.PENDING),
        ("unknown_code", AttemptState.PENDING),
        ("expired", AttemptState.PENDING),
        ("error_code", AttemptState.SUCCEEDED),
        ("anonymous", AttemptState.SUCCEEDED),
        ("unknown_fields", AttemptState.SUCCEEDED),
        ("other_amount", AttemptState.MISMATCHED),
        ("other_merchant", AttemptState.MISMATCHED),
        ("other_transaction", AttemptState.MISMATCHED),
    ],
)
def test_a_status_that_goes_wrong_moves_no_money(gateway, paid, fault, state):
    paid.fault(f"status.{fault}")
    assert verdict(REQUEST, gateway.payment("SZ_1"), NOW) is state
    assert verdict(REQUEST, gateway.payment("SZ_1"), NOW) is AttemptState.SUCCEEDED


def test_a_page_that_is_not_there_is_no_word_of_the_gateway(another, phonepe):
    """Fails when any 404 counts as "not found": a wrong base URL would fail every payment after twenty minutes."""
    with pytest.raises(GatewayUnavailable):
        another(base=f"{phonepe.url}/wrong").payment("SZ_1")


@pytest.mark.parametrize("call", CALLS)
def test_a_gateway_that_is_too_slow_or_not_there_is_unavailable(another, phonepe, monkeypatch, call):
    monkeypatch.setattr(calls, "TIMEOUT", (1.0, 0.1))
    gateway = another()
    phonepe.fault(f"{STAGES[call]}.timeout", value=0.5)
    with pytest.raises(GatewayUnavailable, match="no answer") as unavailable:
        CALLS[call](gateway)
    assert unavailable.value.reason == "ReadTimeout"
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: nobody else answers there meanwhile
        with pytest.raises(GatewayUnavailable):
            CALLS[call](another(base=f"http://127.0.0.1:{unused.getsockname()[1]}"))


def test_the_gateway_is_not_called_while_a_transaction_is_open(gateway, phonepe):
    for call in CALLS.values():
        with transaction_open(), pytest.raises(CalledInsideTransaction):
            call(gateway)
    assert phonepe.transactions() == []


@pytest.mark.parametrize("fault", ["pay.http_500", "pay.unauthorized", "pay.timeout", "token.timeout", "token.refused"])
def test_no_secret_and_no_token_is_in_what_is_raised_or_logged(another, phonepe, monkeypatch, caplog, fault):
    """Looked for in the whole chain of exceptions, and in the variables of every frame of it."""
    monkeypatch.setattr(calls, "TIMEOUT", (1.0, 0.1))
    gateway = another()
    if not fault.startswith("token"):
        gateway.payment("SZ_none")
    phonepe.fault(fault, value=0.3)
    with pytest.raises((GatewayUnavailable, GatewayRefused)) as raised:
        gateway.start(ORDER)
    everything = "".join(traceback.TracebackException.from_exception(raised.value, capture_locals=True).format())
    held = gateway._tokens._cached
    for text in (everything, caplog.text, repr(gateway._tokens.__dict__)):
        assert CREDENTIALS[2] not in text
        assert held is None or held.value not in text
