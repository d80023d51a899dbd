"""The verdict on a gateway's response: only an explicit one about our payment decides (docs/product.md#settlement)."""

from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest

from shared.bookings.lifecycle import PaymentStatus
from shared.payments.gateway import GatewayAnswer, GatewayStatus
from shared.payments.lifecycle import AttemptState, Capture
from shared.payments.matching import (
    NOT_FOUND_GRACE,
    PaymentRequest,
    capture_kind,
    differences,
    payment_status,
    verdict,
)

STARTED = datetime(2026, 11, 20, 5, tzinfo=UTC)
REQUEST = PaymentRequest("M", "SZ_1", 236_156, "INR", STARTED)
OURS = {"merchant": "M", "merchant_txn_id": "SZ_1", "amount": 236_156, "currency": "INR"}
OTHER = {"merchant": "X", "merchant_txn_id": "SZ_2", "amount": 236_155, "currency": "USD"}
MISSING = dict.fromkeys(OURS)
SOON, LATER = STARTED + timedelta(minutes=1), STARTED + timedelta(days=3)
PENDING, SUCCEEDED, FAILED, MISMATCHED = (
    AttemptState.PENDING,
    AttemptState.SUCCEEDED,
    AttemptState.FAILED,
    AttemptState.MISMATCHED,
)
WRONG = [names for count in range(1, 5) for names in combinations(OURS, count)]


def answer(status, wrong=(), instead=OTHER):
    return GatewayAnswer(status, "CODE", **(OURS | {name: instead[name] for name in wrong}))


@pytest.mark.parametrize(("status", "state"), [("succeeded", SUCCEEDED), ("failed", FAILED), ("pending", PENDING)])
def test_an_answer_about_our_payment_means_what_it_says(status, state):
    for now in (SOON, LATER):
        assert verdict(REQUEST, answer(GatewayStatus(status)), now) is state


@pytest.mark.parametrize("wrong", WRONG)
def test_a_success_about_anything_else_is_for_a_person(wrong):
    assert differences(REQUEST, answer(GatewayStatus.SUCCEEDED, wrong)) == list(wrong)
    assert verdict(REQUEST, answer(GatewayStatus.SUCCEEDED, wrong), SOON) is MISMATCHED


@pytest.mark.parametrize("amount", [0, 236_155, 236_157, 23_615_600])
def test_a_success_is_ours_to_the_paisa(amount):
    reported = GatewayAnswer(GatewayStatus.SUCCEEDED, "CODE", **(OURS | {"amount": amount}))
    assert verdict(REQUEST, reported, SOON) is MISMATCHED


@pytest.mark.parametrize("missing", ["merchant_txn_id", "amount"])
def test_a_success_that_does_not_say_of_what_or_how_much_is_pending(missing):
    for also_wrong in ((), ("merchant",)):
        reported = GatewayAnswer(
            GatewayStatus.SUCCEEDED, "CODE", **(OURS | {name: OTHER[name] for name in also_wrong} | {missing: None})
        )
        assert verdict(REQUEST, reported, LATER) is PENDING


def test_a_success_that_names_no_merchant_is_for_a_person():
    assert verdict(REQUEST, answer(GatewayStatus.SUCCEEDED, ["merchant"], MISSING), SOON) is MISMATCHED


@pytest.mark.parametrize("wrong", WRONG)
def test_a_failure_counts_only_when_it_is_about_our_payment(wrong):
    about_us = not {"merchant", "merchant_txn_id"} & set(wrong)
    for instead in (OTHER, MISSING):
        assert verdict(REQUEST, answer(GatewayStatus.FAILED, wrong, instead), LATER) is (
            FAILED if about_us else PENDING
        )


@pytest.mark.parametrize("wrong", [(), *WRONG])
def test_pending_stays_pending_whatever_it_is_about(wrong):
    assert verdict(REQUEST, answer(GatewayStatus.PENDING, wrong), LATER) is PENDING


@pytest.mark.parametrize(
    ("after", "state"),
    [
        (timedelta(), PENDING),
        (NOT_FOUND_GRACE - timedelta(microseconds=1), PENDING),
        (NOT_FOUND_GRACE, FAILED),
        (timedelta(days=7), FAILED),
    ],
)
def test_not_found_is_believed_only_after_the_grace(after, state):
    assert verdict(REQUEST, GatewayAnswer(GatewayStatus.NOT_FOUND, "TRANSACTION_NOT_FOUND"), STARTED + after) is state


def test_the_grace_is_longer_than_a_slow_pay_call():
    assert timedelta(minutes=15) <= NOT_FOUND_GRACE


@pytest.mark.parametrize(
    ("cancelled", "paid", "kind"),
    [
        (False, False, Capture.APPLIED),
        (True, False, Capture.LATE),
        (False, True, Capture.DUPLICATE),
        (True, True, Capture.DUPLICATE),
    ],
)
def test_a_success_is_applied_late_or_a_second_one(cancelled, paid, kind):
    assert capture_kind(cancelled=cancelled, paid=paid) is kind


@pytest.mark.parametrize(
    ("captured", "refunded", "failed", "status"),
    [
        (0, 0, False, PaymentStatus.PENDING),
        (0, 0, True, PaymentStatus.FAILED),
        (1_000, 0, False, PaymentStatus.SUCCESS),
        (1_000, 0, True, PaymentStatus.SUCCESS),
        (1_000, 1, False, PaymentStatus.PARTIALLY_REFUNDED),
        (1_000, 999, True, PaymentStatus.PARTIALLY_REFUNDED),
        (1_000, 1_000, False, PaymentStatus.REFUNDED),
        (1_000, 1_000, True, PaymentStatus.REFUNDED),
    ],
)
def test_the_payment_status_is_derived_from_what_came_and_what_went_back(captured, refunded, failed, status):
    assert payment_status(captured, refunded, failed=failed) is status
