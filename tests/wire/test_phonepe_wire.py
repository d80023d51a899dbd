"""PhonePe PG v1 on the wire, against published vectors, and every possible response."""

import base64
import json
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.phonepe.v1 import wire
from infra.phonepe.v1.wire import Signer, is_authentic, our_id
from shared.kit.settings import Keys
from shared.payments.gateway import Order, RefundOrder

SALT = "099eb0cd-02cf-4e2a-8aca-3e6c6aff0399"  # of PhonePe's shared sandbox, published with these vectors
# The payload of PhonePe's page "PAY API" as it stands there, with its line breaks.
PAGE_PAYLOAD = (
    "ewogICJtZXJjaGFudElkIjogIlBHVEVTVFBBWVVBVCIsCiAgIm1lcmNoYW50VHJhbnNhY3Rpb25JZCI6ICJNVDc4NTA1OTAwNjgxODgxMDQiLAog"
    "ICJtZXJjaGFudFVzZXJJZCI6ICJNVUlEMTIzIiwKICAiYW1vdW50IjogMTAwMDAsCiAgInJlZGlyZWN0VXJsIjogImh0dHBzOi8vd2ViaG9vay5z"
    "aXRlL3JlZGlyZWN0LXVybCIsCiAgInJlZGlyZWN0TW9kZSI6ICJSRURJUkVDVCIsCiAgImNhbGxiYWNrVXJsIjogImh0dHBzOi8vd2ViaG9vay5z"
    "aXRlL2NhbGxiYWNrLXVybCIsCiAgIm1vYmlsZU51bWJlciI6ICI5OTk5OTk5OTk5IiwKICAicGF5bWVudEluc3RydW1lbnQiOiB7CiAgICAidHlw"
    "ZSI6ICJQQVlfUEFHRSIKICB9Cn0="
)
PAGE_SIGNATURE = "d7a8e4458caa6fcd781166bbdc85fec76740c18cb9baa9a4c48cf2387d554180###1"
STATUS_SIGNATURE = "95c6d60f014b7190aa417083aca2489bb5b0a729d0421c17dea19f5913e6d741###1"
SANDBOX = Signer(Keys({"1": SALT}))
TWO = Signer(Keys({"2": "the-next-salt", "1": SALT}))
TOLD = {"success": True, "code": "PAYMENT_SUCCESS", "data": {"merchantTransactionId": "SZ_1", "amount": 100}}


def test_the_published_pay_request_has_its_published_signature():
    assert json.loads(base64.b64decode(PAGE_PAYLOAD))["merchantTransactionId"] == "MT7850590068188104"
    assert SANDBOX.sign(PAGE_PAYLOAD + wire.PAY_PATH) == PAGE_SIGNATURE
    assert SANDBOX.verifies(PAGE_PAYLOAD + wire.PAY_PATH, PAGE_SIGNATURE)


def test_a_status_request_signs_its_path_alone():
    path = wire.status_path("PGTESTPAYUAT", "MT7850590068188104")
    assert path == "/pg/v1/status/PGTESTPAYUAT/MT7850590068188104"
    assert SANDBOX.sign(path) == STATUS_SIGNATURE


def test_the_hash_is_the_standards_own():
    """N1: SHA-256 of `abc` (FIPS 180), whatever part of it is called a salt."""
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert Signer(Keys({"7": "c"})).sign("ab") == f"{digest}###7"


def test_the_first_salt_signs_and_every_one_verifies_by_its_index():
    assert TWO.sign("x").endswith("###2")
    assert TWO.verifies("x", TWO.sign("x"))
    assert TWO.verifies("x", SANDBOX.sign("x"))
    assert not SANDBOX.verifies("x", TWO.sign("x"))


@settings(deadline=None)
@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none(), max_size=4))
def test_an_envelope_is_the_base64_of_its_json(payload):
    assert json.loads(base64.b64decode(wire.envelope(payload), validate=True)) == payload


def test_the_payloads_have_the_fields_and_types_of_the_vendors_pages():
    order = Order("SZ_1", 236_156, "payer", "https://app.example/back")
    assert wire.pay_payload(order, "M", "https://api.example/callback") == {
        "merchantId": "M",
        "merchantTransactionId": "SZ_1",
        "merchantUserId": "payer",
        "amount": 236_156,
        "redirectUrl": "https://app.example/back",
        "redirectMode": "REDIRECT",
        "callbackUrl": "https://api.example/callback",
        "paymentInstrument": {"type": "PAY_PAGE"},
    }
    assert wire.refund_payload(RefundOrder("SZR_1", "SZ_1", 100), "M", "https://api.example/callback") == {
        "merchantId": "M",
        "originalTransactionId": "SZ_1",
        "merchantTransactionId": "SZR_1",
        "amount": 100,
        "callbackUrl": "https://api.example/callback",
    }


def encoded(content):
    return base64.b64encode(content if isinstance(content, bytes) else json.dumps(content).encode()).decode()


def body(response, **more):
    return json.dumps({"response": response} | more).encode()


RESPONSE = encoded(TOLD)
SIGNED = SANDBOX.sign(RESPONSE)
DIGEST = SIGNED.partition("###")[0]


def test_a_callback_is_authentic_over_its_response_and_says_which_of_ours_it_is_about():
    assert is_authentic(body(RESPONSE), SIGNED, SANDBOX)
    assert is_authentic(body(RESPONSE), SIGNED, TWO)
    assert is_authentic(body(RESPONSE, more=[1]), SIGNED, SANDBOX)
    assert our_id(body(RESPONSE)) == "SZ_1"


def hashed(text):
    return sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(f"{hashed(f'{RESPONSE}/api/v1/payments/callback{SALT}')}###1", id="the path in the hash"),
        pytest.param(f"{hashed(f'{RESPONSE}/pg/v1/pay{SALT}')}###1", id="the pay path in the hash"),
        pytest.param(f"{hashed(body(RESPONSE).decode() + SALT)}###1", id="the whole body hashed"),
        pytest.param(f"{hashed(json.dumps(TOLD) + SALT)}###1", id="the decoded response hashed"),
        pytest.param(f"{hashed(RESPONSE)}###1", id="no salt"),
        pytest.param(f"{hashed(RESPONSE + 'forged')}###1", id="another salt"),
        pytest.param(f"{DIGEST}###2", id="the index of another salt"),
        pytest.param(f"{DIGEST}###99", id="an unknown index"),
        pytest.param(f"{DIGEST}###", id="an empty index"),
        pytest.param(f"{DIGEST}###01", id="an index spelled otherwise"),
        pytest.param(DIGEST, id="no index"),
        pytest.param(f"{DIGEST}##1", id="another separator"),
        pytest.param(f"{DIGEST}###1###1", id="two indexes"),
        pytest.param(f"{DIGEST.upper()}###1", id="upper-case hex"),
        pytest.param(f" {DIGEST}###1", id="a space before"),
        pytest.param(f"{DIGEST}###1 ", id="a space behind"),
        pytest.param(f"{DIGEST} ###1", id="a space between"),
        pytest.param(f"{DIGEST[:-1]}###1", id="a digit short"),
        pytest.param(f"{'0' * 64}###1", id="zeros"),
        pytest.param("1", id="the index alone"),
        pytest.param("###1", id="no digest"),
        pytest.param("", id="missing"),
        pytest.param("é###1", id="not ascii"),
    ],
)
def test_any_other_signature_is_refused(header):
    assert not is_authentic(body(RESPONSE), header, TWO)


def test_a_response_that_was_read_and_written_again_is_not_the_one_that_was_signed():
    """Same content, other bytes: a verifier that decodes first would accept it."""
    again = encoded(json.dumps(json.loads(base64.b64decode(RESPONSE)), separators=(",", ":")).encode())
    assert base64.b64decode(again) != base64.b64decode(RESPONSE)
    for changed in (again, RESPONSE + "\n", RESPONSE.rstrip("="), RESPONSE[:-4] + "AAAA"):
        if changed != RESPONSE:
            assert not is_authentic(body(changed), SIGNED, SANDBOX)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'"response"',
        b"not json",
        b"\xff\xfe\xfd",
        b'{"response":null}',
        b'{"response":7}',
        b'{"response":["x"]}',
        b'{"response":{"a":1}}',
        b'{"response":"\\ud800"}',
        b"[" * 200_000,  # a recursion without end: an internal error for anybody who asks for it
        b'{"response":' * 200_000,
    ],
)
def test_what_is_not_shaped_like_a_callback_is_refused(raw):
    assert not is_authentic(raw, SIGNED, SANDBOX)
    assert our_id(raw) == ""


@pytest.mark.parametrize(
    "response",
    [
        "",
        "é",
        "not base64!",
        encoded(b"not json"),
        encoded(b"\xff"),
        encoded(b"[" * 100_000),
        encoded([]),
        encoded({"data": None}),
        encoded({"data": []}),
        encoded({"data": {"merchantTransactionId": 7}}),
        encoded({"data": {"merchantTransactionId": ["SZ_1"]}}),
        encoded({"data": {"merchantTransactionId": "SZ_1\x00"}}),
        encoded({"data": {"merchantTransactionId": "\ud800"}}),
    ],
)
def test_an_authentic_callback_that_names_none_of_ours_is_about_nothing(response):
    assert is_authentic(body(response), SANDBOX.sign(response), SANDBOX)
    assert our_id(body(response)) == ""


def test_a_callbacks_own_success_flag_is_ignored():
    failed = encoded(TOLD | {"code": "PAYMENT_ERROR"})
    assert is_authentic(body(failed), SANDBOX.sign(failed), SANDBOX)
    assert our_id(body(failed)) == our_id(body(RESPONSE)) == "SZ_1"


def test_the_page_is_where_the_vendor_puts_it():
    answer = {
        "success": True,
        "code": "PAYMENT_INITIATED",
        "data": {"instrumentResponse": {"redirectInfo": {"url": "https://mercury.example/transact?token=x"}}},
    }
    assert wire.page_url(answer, "M", "SZ_1") == "https://mercury.example/transact?token=x"
    for code in ("PAYMENT_SUCCESS", "PAYMENT_PENDING", "INTERNAL_SERVER_ERROR", None, ["PAYMENT_INITIATED"]):
        assert wire.page_url(answer | {"code": code}, "M", "SZ_1") is None


@pytest.mark.parametrize("odd", [{"merchantId": "X"}, {"merchantTransactionId": "SZ_2"}, {"merchantId": None}])
def test_the_page_of_another_payment_is_none_of_ours(odd):
    """Our customer would pay for another order there."""
    page = {"instrumentResponse": {"redirectInfo": {"url": "https://mercury.example/transact?token=x"}}}
    ours = {"merchantId": "M", "merchantTransactionId": "SZ_1"}
    assert wire.page_url({"code": "PAYMENT_INITIATED", "data": page | ours}, "M", "SZ_1") is not None
    assert wire.page_url({"code": "PAYMENT_INITIATED", "data": page | ours | odd}, "M", "SZ_1") is None


@pytest.mark.parametrize(
    "data",
    [None, [], "x", {}]
    + [{"instrumentResponse": odd} for odd in (None, [], "x", {}, {"redirectInfo": None}, {"redirectInfo": []})]
    + [{"instrumentResponse": {"redirectInfo": {"url": odd}}} for odd in (None, "", 7, [], {})],
)
def test_an_answer_without_a_page_has_none(data):
    assert wire.page_url({"success": True, "code": "PAYMENT_INITIATED", "data": data}, "M", "SZ_1") is None
