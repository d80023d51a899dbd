"""What the PhonePe stand-in accepts: signatures, envelopes and payloads."""

import json

import pytest
import requests

from tests.local.phonepe_merchant import MERCHANT, SALT, a_merchant, sha256

# Published by the vendor on its page of the pay API.
PUBLISHED_ID = "MT7850590068188104"
PUBLISHED_PAY = (
    "ewogICJtZXJjaGFudElkIjogIlBHVEVTVFBBWVVBVCIsCiAgIm1lcmNoYW50VHJhbnNhY3Rpb25JZCI6ICJNVDc4NTA1OTAwNjgxODgxMDQiLAog"
    "ICJtZXJjaGFudFVzZXJJZCI6ICJNVUlEMTIzIiwKICAiYW1vdW50IjogMTAwMDAsCiAgInJlZGlyZWN0VXJsIjogImh0dHBzOi8vd2ViaG9vay5z"
    "aXRlL3JlZGlyZWN0LXVybCIsCiAgInJlZGlyZWN0TW9kZSI6ICJSRURJUkVDVCIsCiAgImNhbGxiYWNrVXJsIjogImh0dHBzOi8vd2ViaG9vay5z"
    "aXRlL2NhbGxiYWNrLXVybCIsCiAgIm1vYmlsZU51bWJlciI6ICI5OTk5OTk5OTk5IiwKICAicGF5bWVudEluc3RydW1lbnQiOiB7CiAgICAidHlw"
    "ZSI6ICJQQVlfUEFHRSIKICB9Cn0="
)
PUBLISHED_PAY_SIGNATURE = "d7a8e4458caa6fcd781166bbdc85fec76740c18cb9baa9a4c48cf2387d554180###1"
# Computed with sha256sum from the published rule.
STATUS_SIGNATURE = "95c6d60f014b7190aa417083aca2489bb5b0a729d0421c17dea19f5913e6d741###1"


@pytest.fixture
def client(tmp_path):
    with a_merchant(tmp_path) as merchant:
        yield merchant


# signatures


def post_published(server, **headers):
    body = {"request": PUBLISHED_PAY}
    return requests.post(f"{server.url}/pg/v1/pay", json=body, headers=headers, timeout=5)


def test_the_published_vectors_are_accepted(client):
    made = post_published(client.server, **{"X-VERIFY": PUBLISHED_PAY_SIGNATURE})
    assert (made.status_code, made.json()["code"]) == (200, "PAYMENT_INITIATED")
    path = f"/pg/v1/status/{MERCHANT}/{PUBLISHED_ID}"
    headers = {"X-VERIFY": STATUS_SIGNATURE, "X-MERCHANT-ID": MERCHANT}
    status = requests.get(client.server.url + path, headers=headers, timeout=5).json()
    assert (status["code"], status["data"]["amount"]) == ("PAYMENT_PENDING", 10_000)


def test_a_header_name_is_accepted_in_any_case(client):
    assert post_published(client.server, **{"x-Verify": PUBLISHED_PAY_SIGNATURE}).status_code == 200


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "###1",
        PUBLISHED_PAY_SIGNATURE.replace("###1", ""),
        PUBLISHED_PAY_SIGNATURE.replace("###1", "###2"),
        PUBLISHED_PAY_SIGNATURE.replace("###1", "###9"),
        PUBLISHED_PAY_SIGNATURE.replace("###1", "###1###1"),
        PUBLISHED_PAY_SIGNATURE.upper(),
        f"{sha256(PUBLISHED_PAY + SALT)}###1",
        f"{sha256(PUBLISHED_PAY + '/pg/v1/refund' + SALT)}###1",
        f"{sha256(PUBLISHED_PAY + '/apis/hermes/pg/v1/pay' + SALT)}###1",
        "ü###1".encode(),
    ],
)
def test_a_wrong_signature_is_refused_and_makes_nothing(client, signature):
    refused = post_published(client.server, **({} if signature is None else {"X-VERIFY": signature}))
    assert refused.status_code == 401
    assert (refused.json()["success"], refused.json()["code"]) == (False, "AUTHORIZATION_FAILED")
    assert client.server.transactions() == []


def test_every_salt_of_the_merchant_signs_under_its_own_index(client):
    assert client.send("/pg/v1/pay", client.payment(), index="2").status_code == 200


def test_the_prefix_of_the_sandbox_is_not_signed(client):
    body = {"request": PUBLISHED_PAY}
    url = f"{client.server.url}/apis/pg-sandbox/pg/v1/pay"
    assert requests.post(url, json=body, headers={"X-VERIFY": PUBLISHED_PAY_SIGNATURE}, timeout=5).status_code == 200


@pytest.mark.parametrize("named", [None, "", "T1", "OTHER"])
def test_a_status_without_the_merchants_id_in_its_header_is_refused(client, named):
    client.pay()
    refused = client.query_status(**{"X-MERCHANT-ID": named})
    assert (refused.status_code, refused.json()["code"]) == (400, "BAD_REQUEST")


def test_a_status_with_the_signature_of_another_transaction_is_refused(client):
    client.pay()
    refused = client.query_status(**{"X-VERIFY": client.sign(f"/pg/v1/status/{MERCHANT}/T2")})
    assert (refused.status_code, refused.json()["code"]) == (401, "AUTHORIZATION_FAILED")


# what may be asked for


@pytest.mark.parametrize(
    "fields",
    [
        {"merchantId": "SOMEONE"},
        {"merchantId": None},
        {"merchantTransactionId": "x" * 35},
        {"merchantTransactionId": "with space"},
        {"merchantTransactionId": ""},
        {"merchantTransactionId": 17},
        {"merchantUserId": "x" * 36},
        {"amount": 99},
        {"amount": 100.0},
        {"amount": "100"},
        {"amount": True},
        {"amount": 10**30},
        {"redirectUrl": None},
        {"redirectUrl": "javascript:alert(1)"},
        {"redirectUrl": "http://shop.example/\r\nX: y"},
        {"redirectUrl": "http://[shop"},
        {"redirectMode": "redirect"},
        {"callbackUrl": "/callback"},
        {"paymentInstrument": None},
        {"paymentInstrument": {"type": "UPI_COLLECT"}},
    ],
)
def test_a_payload_that_breaks_a_rule_is_a_bad_request(client, fields):
    refused = client.send("/pg/v1/pay", client.payment("T1") | fields)
    assert (refused.status_code, refused.json()["code"]) == (400, "BAD_REQUEST")
    assert client.server.transactions() == []


def test_the_least_amount_and_the_longest_id_are_accepted_and_unknown_fields_do_not_matter(client):
    made = client.pay("A-z_" + "9" * 30, 100, merchantUserId=None, mobileNumber="9999999999", shortName="x")
    assert made.json()["code"] == "PAYMENT_INITIATED"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (json.dumps({"request": PUBLISHED_PAY}), "text/plain"),
        (json.dumps({"request": PUBLISHED_PAY}), None),
        ("not json", "application/json"),
        ("[]", "application/json"),
        ("{}", "application/json"),
        ('{"request": 5}', "application/json"),
        ('{"request": "\\ud800"}', "application/json"),
    ],
)
def test_an_envelope_that_is_none_is_a_bad_request(client, body, content_type):
    headers = {"X-VERIFY": PUBLISHED_PAY_SIGNATURE} | ({"Content-Type": content_type} if content_type else {})
    refused = requests.post(f"{client.server.url}/pg/v1/pay", data=body, headers=headers, timeout=5)
    assert (refused.status_code, refused.json()["code"]) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("encoded", ["ü", "e30", "bm90IGpzb24=", "W10=", "_-__"])
def test_a_signed_text_that_is_no_payload_is_a_bad_request(client, encoded):
    headers = {"X-VERIFY": client.sign(f"{encoded}/pg/v1/pay")}
    refused = requests.post(f"{client.server.url}/pg/v1/pay", json={"request": encoded}, headers=headers, timeout=5)
    assert (refused.status_code, refused.json()["code"]) == (400, "BAD_REQUEST")


def test_a_transaction_id_is_used_once_for_ever(client):
    client.paid("T1")
    again = client.pay("T1")
    assert (again.status_code, again.json()["code"]) == (400, "INVALID_TRANSACTION_ID")
    client.refund("R1")
    assert client.pay("R1").json()["code"] == "INVALID_TRANSACTION_ID"
