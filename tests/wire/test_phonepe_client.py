"""The PhonePe client against its stand-in: every failure, and the result the caller gets."""

import socket
import traceback
from datetime import UTC, datetime

import pytest
import requests

from infra.outside import CalledInsideTransaction, transaction_open
from infra.phonepe import calls
from infra.phonepe.v1.client import PhonePe
from infra.phonepe.v1.wire import Signer
from shared.kit.settings import Keys
from shared.payments.gateway import GatewayRefused, GatewayStatus, GatewayUnavailable, Order, RefundOrder
from shared.payments.lifecycle import AttemptState
from shared.payments.matching import PaymentRequest, verdict

ORDER = Order("SZ_1", 236_156, "payer", "https://app.example/back?ref=SZ-A1B2C3D4")
REFUND = RefundOrder("SZR_1", "SZ_1", 118_078)
NOW = datetime(2026, 11, 20, 5, tzinfo=UTC)
REQUEST = PaymentRequest("TESTMERCHANT", "SZ_1", 236_156, "INR", NOW)
NO_ANSWER = {
    "http_500": "HTTP 500",
    "empty": "HTTP 200 without JSON",
    "html": "HTTP 200 without JSON",
    "rate_limited": "HTTP 429",
}
CALLS = {
    "start": lambda gateway: gateway.start(ORDER),
    "payment": lambda gateway: gateway.payment("SZ_1"),
    "refund": lambda gateway: gateway.refund(REFUND),
    "refund_status": lambda gateway: gateway.refund_status("SZR_1"),
}
# Which of the stand-in's stages each call meets.
STAGES = {"start": "pay", "payment": "status", "refund": "refund", "refund_status": "status"}


@pytest.fixture
def paid(gateway, phonepe):
    """A payment that has succeeded."""
    gateway.start(ORDER)
    phonepe.settle("SZ_1", "pay")
    return phonepe


@pytest.fixture
def refunded(gateway, paid):
    gateway.refund(REFUND)
    return paid


@pytest.fixture
def another(phonepe):
    """Return a factory of clients with this `salt` and `base`, closed at the end."""
    made = []

    def make(salt="test-salt", base=None):
        made.append(PhonePe(base or phonepe.url, "TESTMERCHANT", Signer(Keys({"1": salt})), "http://127.0.0.1:9/"))
        return made[-1]

    yield make
    for each in made:
        each._http.close()


def test_a_started_payment_has_a_page_that_a_browser_can_open(gateway, phonepe):
    url = gateway.start(ORDER)
    assert requests.get(url, timeout=5).status_code == 200
    (payment,) = phonepe.transactions()
    assert (payment["merchantTransactionId"], payment["amount"], payment["state"]) == ("SZ_1", 236_156, "PENDING")


def test_the_customer_comes_back_to_where_the_order_said(gateway, phonepe):
    answer = phonepe.pay_page(gateway.start(ORDER), "pay")
    back = answer.headers["Location"]
    assert back.startswith("https://app.example/back?ref=SZ-A1B2C3D4")


def test_a_payment_is_pending_then_paid_to_the_paisa(gateway, phonepe):
    gateway.start(ORDER)
    assert gateway.payment("SZ_1").status is GatewayStatus.PENDING
    phonepe.settle("SZ_1", "pay")
    answer = gateway.payment("SZ_1")
    assert verdict(REQUEST, answer, NOW) is AttemptState.SUCCEEDED
    assert answer.gateway_txn_id
    assert len(answer.bank_reference) == 12
    assert answer.method == "UPI"


@pytest.mark.parametrize("code", ["PAYMENT_ERROR", "PAYMENT_DECLINED", "PAYMENT_CANCELLED", "TIMED_OUT"])
def test_a_payment_that_failed_says_with_which_word(gateway, phonepe, code):
    gateway.start(ORDER)
    phonepe.settle("SZ_1", "decline", code=code)
    answer = gateway.payment("SZ_1")
    assert (answer.status, answer.code) == (GatewayStatus.FAILED, code)
    assert verdict(REQUEST, answer, NOW) is AttemptState.FAILED


def test_a_payment_that_never_arrived_is_not_found(gateway):
    assert gateway.payment("SZ_never").status is GatewayStatus.NOT_FOUND


def test_a_refund_is_pending_then_done_and_asked_for_again_is_the_same_one(gateway, paid):
    assert {gateway.refund(REFUND).status for _ in range(3)} <= {GatewayStatus.PENDING, GatewayStatus.SUCCEEDED}
    answer = gateway.refund_status("SZR_1")
    assert (answer.status, answer.merchant_txn_id, answer.amount) == (GatewayStatus.SUCCEEDED, "SZR_1", 118_078)
    assert [one["kind"] for one in paid.transactions()].count("refund") == 1


@pytest.mark.parametrize(
    ("fault", "code"), [("refund.excess", "PAYMENT_ERROR"), ("refund.window_exceeded", "REVERSAL_WINDOW_EXCEEDED")]
)
def test_a_refund_that_cannot_be_has_failed_at_once(gateway, paid, fault, code):
    paid.fault(fault)
    answer = gateway.refund(REFUND)
    assert (answer.status, answer.code) == (GatewayStatus.FAILED, code)
    assert gateway.refund_status("SZR_1").status is GatewayStatus.FAILED


def test_a_refund_may_fail_after_it_began(gateway, paid):
    paid.fault("refund.fails")
    assert gateway.refund(REFUND).status is GatewayStatus.PENDING
    assert gateway.refund_status("SZR_1").status is GatewayStatus.FAILED


def test_a_refund_of_a_payment_nobody_knows_or_that_was_never_paid_is_none(gateway):
    assert gateway.refund(REFUND).status is GatewayStatus.NOT_FOUND
    gateway.start(ORDER)
    answer = gateway.refund(REFUND)
    assert (answer.status, answer.code) == (GatewayStatus.FAILED, "BAD_REQUEST")


def test_an_order_that_is_refused_began_nothing(gateway, phonepe):
    phonepe.fault("pay.refused")
    with pytest.raises(GatewayRefused) as refused:
        gateway.start(ORDER)
    assert refused.value.code == "PAYMENT_ERROR"
    with pytest.raises(GatewayRefused, match="BAD_REQUEST"):
        gateway.start(Order("SZ_2", 99, "payer", "https://app.example/"))
    assert phonepe.transactions() == []


def test_an_id_that_was_used_before_is_no_refusal_but_a_reason_to_ask(gateway):
    gateway.start(ORDER)
    with pytest.raises(GatewayUnavailable) as unavailable:
        gateway.start(ORDER)
    assert unavailable.value.reason == "INVALID_TRANSACTION_ID"


def test_with_a_wrong_salt_nothing_begins_and_nothing_ends(another, paid, caplog):
    wrong = another(salt="not-ours")
    with pytest.raises(GatewayRefused, match="AUTHORIZATION_FAILED"):
        wrong.start(Order("SZ_2", 100, "payer", "https://app.example/"))
    for answer in (wrong.payment("SZ_1"), wrong.refund(REFUND), wrong.refund_status("SZ_1")):
        assert (answer.status, answer.code) == (GatewayStatus.PENDING, "AUTHORIZATION_FAILED")
    assert len(paid.transactions()) == 1
    assert [record.fields["alarm"] for record in caplog.records] == ["gateway_refuses"] * 4


@pytest.mark.parametrize("fault", NO_ANSWER)
@pytest.mark.parametrize("call", CALLS)
def test_what_is_no_usable_answer_is_unavailable_and_the_next_one_is_heard(gateway, phonepe, call, fault):
    if call != "start":
        gateway.start(ORDER)
        phonepe.settle("SZ_1", "pay")
    if call == "refund_status":
        gateway.refund(REFUND)
    phonepe.fault(f"{STAGES[call]}.{fault}")
    with pytest.raises(GatewayUnavailable) as unavailable:
        CALLS[call](gateway)
    assert unavailable.value.reason == NO_ANSWER[fault]
    assert (unavailable.value.status, unavailable.value.retry_after) == (503, 5)
    assert gateway.payment("SZ_1").status in {GatewayStatus.PENDING, GatewayStatus.SUCCEEDED}


@pytest.mark.parametrize("fault", ["unreached", "internal_server_error", "not_found", "unknown_code"])
def test_a_start_that_was_not_explicitly_refused_may_have_begun(gateway, phonepe, fault):
    phonepe.fault(f"pay.{fault}")
    with pytest.raises(GatewayUnavailable):
        gateway.start(ORDER)


def test_a_start_with_a_code_of_a_wrong_salt_is_refused(gateway, phonepe):
    phonepe.fault("pay.unauthorized")
    with pytest.raises(GatewayRefused, match="401"):
        gateway.start(ORDER)


@pytest.mark.parametrize("fault", ["other_merchant", "other_transaction"])
def test_the_page_of_another_payment_is_not_given_to_our_customer(gateway, phonepe, fault):
    phonepe.fault(f"pay.{fault}")
    with pytest.raises(GatewayUnavailable):
        gateway.start(ORDER)


@pytest.mark.parametrize("fault", ["unknown_fields", "other_amount"])
def test_what_else_a_start_answers_does_not_matter(gateway, phonepe, fault):
    phonepe.fault(f"pay.{fault}")
    assert gateway.start(ORDER).startswith(phonepe.url)


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("internal_server_error", AttemptState.PENDING),
        ("not_found", AttemptState.PENDING),
        ("unauthorized", AttemptState.PENDING),
        ("unknown_code", AttemptState.PENDING),
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


@pytest.mark.parametrize(
    "fault", ["unreached", "internal_server_error", "unauthorized", "unknown_code", "unknown_fields"]
)
def test_a_refund_whose_answer_goes_wrong_is_pending_or_unknown_but_never_failed(gateway, paid, fault):
    paid.fault(f"refund.{fault}")
    try:
        assert gateway.refund(REFUND).status is GatewayStatus.PENDING
    except GatewayUnavailable:
        assert fault == "unreached"
    assert gateway.refund_status("SZR_1").status is (
        GatewayStatus.NOT_FOUND if fault == "unreached" else GatewayStatus.SUCCEEDED
    )


@pytest.mark.parametrize("call", CALLS)
def test_a_gateway_that_is_too_slow_is_unavailable(gateway, phonepe, monkeypatch, call):
    """Without a timeout the call would wait for the half second that the answer takes."""
    monkeypatch.setattr(calls, "TIMEOUT", (1.0, 0.1))
    phonepe.fault(f"{STAGES[call]}.timeout", value=0.5)
    with pytest.raises(GatewayUnavailable) as unavailable:
        CALLS[call](gateway)
    assert unavailable.value.reason == "ReadTimeout"


def test_the_timeouts_are_a_few_seconds():
    connect, read = calls.TIMEOUT
    assert 0 < connect <= 5
    assert 0 < read <= 10


@pytest.mark.parametrize("call", CALLS)
def test_a_gateway_that_is_not_there_is_unavailable(another, call):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: nobody else answers there meanwhile
        with pytest.raises(GatewayUnavailable) as unavailable:
            CALLS[call](another(base=f"http://127.0.0.1:{unused.getsockname()[1]}"))
    assert unavailable.value.reason == "ConnectionError"


@pytest.mark.parametrize("call", CALLS)
def test_the_gateway_is_not_called_while_a_transaction_is_open(gateway, phonepe, call):
    """Rows would stay locked for as long as the gateway takes."""
    with transaction_open(), pytest.raises(CalledInsideTransaction):
        CALLS[call](gateway)
    assert phonepe.transactions() == []


def test_with_a_real_transaction_open_it_is_not_called_either(gateway, db):
    with db.transaction(), pytest.raises(CalledInsideTransaction):
        gateway.payment("SZ_1")
    with db.reading():
        assert gateway.payment("SZ_1").status is GatewayStatus.NOT_FOUND


@pytest.mark.parametrize("fault", ["http_500", "rate_limited", "unauthorized", "other_merchant", "timeout"])
def test_no_salt_and_no_signature_is_in_what_is_raised_or_logged(gateway, phonepe, monkeypatch, caplog, fault):
    """Looked for in the whole chain of exceptions, the salt also in the variables of every frame of it."""
    monkeypatch.setattr(calls, "TIMEOUT", (1.0, 0.1))
    phonepe.fault(f"pay.{fault}", value=0.3)
    with pytest.raises((GatewayUnavailable, GatewayRefused)) as raised:
        gateway.start(ORDER)
    output = "".join(traceback.format_exception(raised.value)) + caplog.text
    everything = "".join(traceback.TracebackException.from_exception(raised.value, capture_locals=True).format())
    assert "###1" not in output
    assert "test-salt" not in output + everything
    assert "test-salt" not in repr(gateway.__dict__)
