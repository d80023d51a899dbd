"""PhonePe's responses about payments and refunds: only explicit final codes end them, anything else is pending."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.phonepe.v1 import wire
from shared.payments.gateway import GatewayStatus

OK, NO, WAIT, NONE = GatewayStatus.SUCCEEDED, GatewayStatus.FAILED, GatewayStatus.PENDING, GatewayStatus.NOT_FOUND
# Each vendor code: the status it means for a payment, for a refund, and for requesting a refund.
CODES = {
    "PAYMENT_SUCCESS": (OK, OK, OK),
    "PAYMENT_ERROR": (NO, NO, NO),
    "PAYMENT_DECLINED": (NO, NO, NO),
    "PAYMENT_CANCELLED": (NO, WAIT, WAIT),
    "TIMED_OUT": (NO, WAIT, WAIT),  # for a refund request: it may have begun
    "TRANSACTION_NOT_FOUND": (NONE, NONE, NONE),
    "REVERSAL_WINDOW_EXCEEDED": (WAIT, NO, NO),
    "EXCESS_REFUND_AMOUNT": (WAIT, NO, NO),
    "BAD_REQUEST": (WAIT, WAIT, NO),  # our error: no status for a query, a refusal of an order
    "PAYMENT_INITIATED": (WAIT, WAIT, WAIT),
    "PAYMENT_PENDING": (WAIT, WAIT, WAIT),
    "INTERNAL_SERVER_ERROR": (WAIT, WAIT, WAIT),
    "AUTHORIZATION_FAILED": (WAIT, WAIT, WAIT),
    "401": (WAIT, WAIT, WAIT),
    "API_RATE_LIMIT_REACHED": (WAIT, WAIT, WAIT),
    "INVALID_TRANSACTION_ID": (WAIT, WAIT, WAIT),
    "INTERNAL_SECURITY_BLOCK_1": (WAIT, WAIT, WAIT),
    "PAYMENT_HELD": (WAIT, WAIT, WAIT),  # unknown to the gateway
    "payment_success": (WAIT, WAIT, WAIT),
    " PAYMENT_SUCCESS": (WAIT, WAIT, WAIT),
    "": (WAIT, WAIT, WAIT),
}
READERS = (wire.payment_answer, wire.refund_answer, wire.refund_request_answer)
# The vendor's sample of a payment made by UPI, as its page "Check Status API" shows it.
PAID = {
    "success": True,
    "code": "PAYMENT_SUCCESS",
    "message": "Your payment is successful.",
    "data": {
        "merchantId": "PGTESTPAYUAT",
        "merchantTransactionId": "MT7850590068188104",
        "transactionId": "T2111221437456190170379",
        "amount": 10_000,
        "state": "COMPLETED",
        "responseCode": "SUCCESS",
        "paymentInstrument": {"type": "UPI", "utr": "206378866112"},
    },
}


def paid(**data):
    return PAID | {"data": PAID["data"] | data}


@pytest.mark.parametrize("code", CODES)
def test_a_code_means_the_same_whatever_else_the_answer_says(code):
    for answer in (PAID, {}, paid(state="COMPLETED"), paid(state="FAILED"), {"data": None}):
        for success in (True, False, None):
            payload = answer | {"code": code, "success": success}
            assert tuple(read(payload).status for read in READERS) == CODES[code]


@settings(deadline=None)
@given(st.text())
def test_an_unknown_code_ends_nothing(code):
    if code not in CODES:
        assert {read(PAID | {"code": code}).status for read in READERS} == {GatewayStatus.PENDING}


@pytest.mark.parametrize(
    "code", [None, True, False, 1.5, [], {}, ["PAYMENT_SUCCESS"], {"PAYMENT_SUCCESS": 1}, "\x00", "\ud800"]
)
def test_a_code_that_is_no_word_is_none(code):
    assert wire.code_of({"code": code}) == ""
    assert {read(PAID | {"code": code}).status for read in READERS} == {GatewayStatus.PENDING}


def test_a_code_written_as_a_number_is_its_digits():
    assert wire.code_of({"code": 401}) == "401"
    assert wire.code_of({}) == ""


def test_a_timeout_of_a_payment_may_turn_into_a_success_and_no_other_failure_is_asked_about_again():
    assert wire.payment_answer(PAID | {"code": "TIMED_OUT"}).may_still_succeed
    for code in ("PAYMENT_ERROR", "PAYMENT_DECLINED", "PAYMENT_CANCELLED"):
        assert not wire.payment_answer(PAID | {"code": code}).may_still_succeed


def test_the_vendors_sample_is_read_whole():
    answer = wire.payment_answer(PAID)
    assert (answer.status, answer.code, answer.currency) == (GatewayStatus.SUCCEEDED, "PAYMENT_SUCCESS", "INR")
    assert (answer.merchant, answer.merchant_txn_id, answer.amount) == ("PGTESTPAYUAT", "MT7850590068188104", 10_000)
    assert (answer.gateway_txn_id, answer.bank_reference) == ("T2111221437456190170379", "206378866112")
    assert answer.method == "UPI"
    assert answer.raw == {"code": "PAYMENT_SUCCESS", "state": "COMPLETED", "responseCode": "SUCCESS", "amount": 10_000}


@pytest.mark.parametrize(
    ("instrument", "reference", "method"),
    [
        ({"type": "CARD", "bankTransactionId": "B1", "pgTransactionId": "P1"}, "B1", "CARD"),
        ({"type": "NETBANKING", "bankTransactionId": None}, None, "NETBANKING"),
        ({"utr": "206378866112"}, "206378866112", None),  # older samples have no type
        ({"type": "UPI", "utr": 206_378_866_112}, None, "UPI"),
        (None, None, None),
        ([], None, None),
        ("UPI", None, None),
    ],
)
def test_what_was_paid_with_is_known_where_the_answer_says_it(instrument, reference, method):
    answer = wire.payment_answer(paid(paymentInstrument=instrument))
    assert (answer.bank_reference, answer.method) == (reference, method)
    assert answer.status is GatewayStatus.SUCCEEDED


def test_unknown_fields_change_nothing():
    more = paid(riskScore={"band": 3}, offers=[None]) | {"traceId": "5f1c", "version": 7}
    assert wire.payment_answer(more) == wire.payment_answer(PAID)


def test_nothing_personal_is_kept_of_an_answer():
    instrument = {
        "type": "UPI",
        "utr": "1",
        "vpa": "meera@ybl",
        "accountHolderName": "Meera",
        "maskedAccountNumber": "X125",
    }
    kept = wire.payment_answer(paid(paymentInstrument=instrument, mobileNumber="9999999999"))
    for personal in ("meera", "Meera", "X125", "9999999999"):
        assert personal not in repr(kept)


@pytest.mark.parametrize("data", [None, [], "x", 7, True, {}])
def test_without_its_data_a_success_says_nothing_to_match(data):
    answer = wire.payment_answer(PAID | {"data": data})
    assert (answer.merchant, answer.merchant_txn_id, answer.amount, answer.gateway_txn_id) == (None, None, None, None)
    assert wire.payment_answer({"code": "PAYMENT_SUCCESS"}) == answer


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("10000", 10_000),
        ("10000.0", 10_000),
        ("1e4", 10_000),
        ("0", 0),
        ("-100", -100),
        ("123456789012345678901234567890", 123_456_789_012_345_678_901_234_567_890),
        ("10000.5", None),
        ("1e400", None),
        ("NaN", None),
        ("-Infinity", None),
        ('"10000"', None),
        ("true", None),
        ("null", None),
        ("[10000]", None),
        ("{}", None),
    ],
)
def test_an_amount_is_a_whole_number_of_paise_or_none(written, amount):
    raw = json.dumps(PAID).replace("10000", written)
    answer = wire.payment_answer(json.loads(raw))
    assert answer.amount == amount
    assert type(answer.amount) is type(amount)


@pytest.mark.parametrize("odd", ["", 7, True, None, [], {}, "T\x00", "T\n", "\ud800"])
def test_a_text_that_is_none_or_could_not_be_stored_is_none(odd):
    """Postgres rejects NUL and lone surrogates: one such response would keep a payment from being settled."""
    payload = paid(
        merchantId=odd,
        merchantTransactionId=odd,
        transactionId=odd,
        state=odd,
        responseCode=odd,
        paymentInstrument={"type": odd, "utr": odd},
    )
    for read in READERS:
        answer = read(payload)
        assert (answer.merchant, answer.merchant_txn_id, answer.gateway_txn_id) == (None, None, None)
        assert (answer.bank_reference, answer.method) == (None, None)
        assert (answer.raw["state"], answer.raw["responseCode"]) == (None, None)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = ("merchantId", "merchantTransactionId", "transactionId", "amount", "state", "responseCode", "paymentInstrument")
DATA = st.dictionaries(st.sampled_from(NAMES), JSON) | JSON


@settings(deadline=None)
@given(st.fixed_dictionaries({}, optional={"code": JSON, "success": JSON, "data": DATA}))
def test_no_answer_however_odd_breaks_the_reader_or_ends_anything(payload):
    for read in READERS:
        assert read(payload).status is GatewayStatus.PENDING
