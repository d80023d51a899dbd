"""PhonePe PG v2 on the wire: what is sent, and that only an order's root state ends anything.

One vector is published, that of a webhook's header; the official Python package cannot stand opposite: it pins libraries
years old, starts threads and sends telemetry.
"""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.phonepe.v2 import wire
from shared.kit.settings import Keys
from shared.payments.gateway import GatewayStatus, Order, RefundOrder

# Of the vendor's own tests: username `username`, password `password`.
PUBLISHED = "bc842c31a9e54efe320d30d948be61291f3ceee4766e36ab25fa65243cd76e0e"
USERS = Keys({"username": "password"})
ORDER = Order("SZ_1", 236_156, "payer", "https://app.example/back", 1_500)
# The shape of the vendor's page "Check Order Status".
PAID = {
    "orderId": "OMO123456789",
    "state": "COMPLETED",
    "amount": 236_156,
    "feeAmount": 4_723,
    "expireAt": 1_724_866_793_837,
    "paymentDetails": [
        {
            "paymentMode": "UPI_QR",
            "transactionId": "OM12334",
            "timestamp": 1_724_866_793_837,
            "amount": 236_156,
            "state": "COMPLETED",
            "rail": {"type": "UPI", "utr": "206378866112", "upiTransactionId": "IN12313", "vpa": "12****78@ybl"},
        }
    ],
}


def read(**other):
    return wire.payment_answer(PAID | other, "M", "SZ_1")


def test_a_webhooks_header_is_the_published_hash_of_its_user():
    assert wire.is_ours(PUBLISHED, USERS)
    assert wire.is_ours(PUBLISHED, Keys({"another": "word", "username": "password"}))


@pytest.mark.parametrize(
    "header", ["", "x", PUBLISHED.upper(), PUBLISHED[:-1], PUBLISHED + "0", f"Basic {PUBLISHED}", "é" * 64]
)
def test_any_other_header_is_refused(header):
    assert not wire.is_ours(header, USERS)
    assert not wire.is_ours(PUBLISHED, Keys({"username": "passw0rd"}))


def test_the_requests_have_the_fields_of_the_vendors_pages():
    assert wire.pay_request(ORDER) == {
        "merchantOrderId": "SZ_1",
        "amount": 236_156,
        "expireAfter": 1_500,
        "paymentFlow": {"type": "PG_CHECKOUT", "merchantUrls": {"redirectUrl": "https://app.example/back"}},
    }
    assert wire.refund_request(RefundOrder("SZR_1", "SZ_1", 100)) == {
        "merchantRefundId": "SZR_1",
        "originalMerchantOrderId": "SZ_1",
        "amount": 100,
    }


@pytest.mark.parametrize(("wanted", "sent"), [(-5, 300), (299, 300), (301, 301), (3_600, 3_600), (3_601, 3_600)])
def test_a_page_is_open_as_long_as_we_wait_within_what_the_gateway_takes(wanted, sent):
    assert wire.pay_request(Order("SZ_1", 100, "p", "https://a.example/", wanted))["expireAfter"] == sent


def test_a_payment_says_how_it_was_paid():
    answer = read()
    assert (answer.status, answer.code, answer.amount, answer.fee) == (
        GatewayStatus.SUCCEEDED,
        "COMPLETED",
        236_156,
        4_723,
    )
    assert (answer.gateway_txn_id, answer.bank_reference, answer.method) == ("OMO123456789", "206378866112", "UPI_QR")


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("COMPLETED", GatewayStatus.SUCCEEDED),
        ("FAILED", GatewayStatus.FAILED),
        *(
            (other, GatewayStatus.PENDING)
            for other in ("PENDING", "CONFIRMED", "EXPIRED", "HELD", "completed", "", None, 7, [])
        ),
    ],
)
def test_only_the_two_last_words_end_an_order_or_a_refund(state, status):
    assert read(state=state).status is status
    assert wire.refund_answer({"refundId": "OMR1", "amount": 100, "state": state}, "M", "SZR_1").status is status


def test_an_error_code_counts_on_a_failure_alone():
    """The vendor's samples show one on an order that was paid."""
    assert (read(errorCode="AUTHORIZATION_ERROR").status, read(errorCode="X").code) == (
        GatewayStatus.SUCCEEDED,
        "COMPLETED",
    )
    assert read(state="PENDING", errorCode="AUTHORIZATION_ERROR").status is GatewayStatus.PENDING
    assert read(state="FAILED", errorCode="AUTHORIZATION_ERROR", detailedErrorCode="ZM").code == "AUTHORIZATION_ERROR"
    assert read(state="FAILED").code == "FAILED"


def test_what_failed_inside_an_order_that_lives_is_not_its_end():
    tried = [{"state": "FAILED", "errorCode": "PAYMENT_ERROR", "rail": {"utr": "1"}}]
    assert read(state="PENDING", paymentDetails=tried).status is GatewayStatus.PENDING
    paid = read(paymentDetails=PAID["paymentDetails"] + tried)
    assert (paid.status, paid.bank_reference) == (GatewayStatus.SUCCEEDED, "206378866112")


def test_a_bank_that_said_nothing_may_say_something_later():
    assert read(state="FAILED", errorCode="PAYMENT_ERROR", detailedErrorCode="TXN_AUTO_FAILED").may_still_succeed
    assert not read(state="FAILED", errorCode="PAYMENT_ERROR", detailedErrorCode="ZM").may_still_succeed
    assert not read(detailedErrorCode="TXN_AUTO_FAILED").may_still_succeed


def test_whose_it_is_may_be_left_out_and_another_is_another():
    assert (read().merchant, read().merchant_txn_id) == ("M", "SZ_1")
    assert (read(merchantId=None).merchant, read(merchantId="OTHER").merchant) == ("M", "OTHER")
    assert (read(merchantOrderId="SZ_2").merchant_txn_id, read(merchantId=["M"]).merchant) == ("SZ_2", None)


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.dictionaries(st.sampled_from([*PAID, "merchantId", "errorCode", "rail", "utr"]) | st.text(), inner)
            | st.lists(inner)
        ),
        max_leaves=12,
    )
)
def test_nothing_that_is_answered_breaks_the_reader(answered):
    answer = wire.payment_answer(answered if isinstance(answered, dict) else {"paymentDetails": answered}, "M", "SZ_1")
    assert answer.amount is None or isinstance(answer.amount, int)
    json.dumps(answer.raw)


@pytest.mark.parametrize(
    ("payload", "named"),
    [
        ({"merchantOrderId": "SZ_1", "state": "COMPLETED"}, "SZ_1"),
        ({"merchantRefundId": "SZR_1", "originalMerchantOrderId": "SZ_1"}, "SZR_1"),
        ({"merchantOrderId": "a\x00"}, ""),
        ({"merchantOrderId": 7}, ""),
        ({"paymentDetails": [{"merchantOrderId": "SZ_1"}]}, ""),
        ([], ""),
        (None, ""),
    ],
)
def test_a_webhook_names_an_order_or_a_refund_by_its_root_alone(payload, named):
    assert wire.our_id(json.dumps({"event": "checkout.order.completed", "payload": payload}).encode()) == named


@pytest.mark.parametrize("raw", [b"", b"x", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_a_webhook_that_is_none_is_about_nothing(raw):
    assert wire.our_id(raw) == ""
