"""The refund of a cancellation, by the hours before the start and the status."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.appointments.cancellation_policy import CancellationFacts, CancellationOffer, cancellation_offer
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.rate_card import CANCELLATION_TERMS
from shared.payments.cancellation_policy import refundable
from shared.payments.gateway import SMALLEST

START = datetime(2026, 11, 23, 13, 30, tzinfo=UTC)
TOTAL = 236_156
ACCEPTED = CancellationFacts(TOTAL, 0, is_paid=True, is_accepted=True, starts_at=START, provider_changed_at=None)
POLICY = CANCELLATION_TERMS
INSTANT = timedelta(microseconds=1)


def at(before: timedelta, facts: CancellationFacts = ACCEPTED) -> CancellationOffer:
    return cancellation_offer(facts, POLICY, LINE.policy.free_after_provider_change, START - before)


@pytest.mark.parametrize(
    ("before", "refund", "until"),
    [
        (timedelta(days=30), TOTAL, timedelta(hours=24)),
        (timedelta(hours=24), TOTAL, timedelta(hours=24)),
        (timedelta(hours=24) - INSTANT, TOTAL // 2, timedelta(hours=4)),
        (timedelta(hours=4), TOTAL // 2, timedelta(hours=4)),
    ],
)
def test_all_goes_back_until_24_hours_before_and_half_until_4(before, refund, until):
    assert at(before) == CancellationOffer(refund, START - until)


@pytest.mark.parametrize("before", [timedelta(hours=4) - INSTANT, timedelta(), -timedelta(hours=1)])
def test_in_the_last_4_hours_and_after_the_start_nothing_goes_back(before):
    for total in (TOTAL, 1_00_000_00):  # so much that a hundredth of a percent of it could be sent
        assert at(before, replace(ACCEPTED, total=total)) == CancellationOffer(0, None)


def test_half_of_an_odd_amount_is_rounded_half_up():
    assert at(timedelta(hours=5), replace(ACCEPTED, total=11_687)).refund == 5_844


def test_until_a_chef_has_accepted_all_goes_back_however_late():
    assert at(timedelta(minutes=5), replace(ACCEPTED, is_accepted=False)) == CancellationOffer(TOTAL, None)


def test_within_24_hours_after_the_chef_was_changed_all_goes_back():
    changed = START - timedelta(hours=10)
    facts = replace(ACCEPTED, provider_changed_at=changed)
    assert at(timedelta(hours=5), facts) == CancellationOffer(TOTAL, changed + timedelta(hours=24))
    earlier = replace(ACCEPTED, provider_changed_at=START - timedelta(hours=29))
    assert at(timedelta(hours=5), earlier) == CancellationOffer(TOTAL // 2, START - timedelta(hours=4))


@pytest.mark.parametrize(
    ("before", "refund", "until"),
    [
        (timedelta(days=30), TOTAL // 2, timedelta(hours=4)),
        (timedelta(hours=5), TOTAL // 2, timedelta(hours=4)),
        (timedelta(hours=3), 0, None),
    ],
)
def test_a_moved_visit_refunds_the_smaller_of_then_and_now(before, refund, until):
    moved = replace(ACCEPTED, cap_bp=5_000)
    assert at(before, moved) == CancellationOffer(refund, START - until if until else None)
    assert at(before, replace(ACCEPTED, cap_bp=10_000)) == at(before)


def test_what_a_move_has_cost_is_not_won_back_while_no_chef_has_accepted_nor_by_another_chef():
    waiting = replace(ACCEPTED, is_accepted=False, cap_bp=5_000)
    assert at(timedelta(days=30), waiting) == CancellationOffer(TOTAL // 2, None)
    changed = START - timedelta(hours=10)
    other = replace(ACCEPTED, provider_changed_at=changed, cap_bp=5_000)
    assert at(timedelta(hours=5), other) == CancellationOffer(TOTAL // 2, changed + timedelta(hours=24))


def test_what_was_never_paid_gives_nothing_back():
    assert at(timedelta(days=3), replace(ACCEPTED, is_paid=False)) == CancellationOffer(0, None)


def test_what_went_back_before_is_not_given_twice():
    assert at(timedelta(hours=5), replace(ACCEPTED, refunded=18_078)).refund == TOTAL // 2 - 18_078
    assert at(timedelta(hours=5), replace(ACCEPTED, refunded=TOTAL // 2 + 1)).refund == 0


def test_a_refund_below_a_rupee_is_none_and_a_rest_below_a_rupee_goes_along():
    assert refundable(10_000, 4_950, 5_000) == 0
    assert refundable(10_000, 0, 9_950) == 10_000


def test_a_refund_of_a_rupee_is_sent_and_a_rest_of_a_rupee_stays():
    assert refundable(10_000, 0, 100) == 100
    assert refundable(10_000, 0, 9_900) == 9_900


@given(total=st.integers(1, 10**9), share=st.integers(0, 10_000), data=st.data())
def test_no_share_takes_more_than_there_is_nor_what_a_gateway_cannot_send(total, share, data):
    refunded = data.draw(st.integers(0, total))
    amount = refundable(total, refunded, share)
    assert 0 <= amount <= total - refunded
    assert amount == 0 or amount >= SMALLEST
    rest = total - refunded - amount
    assert amount == 0 or rest == 0 or rest >= SMALLEST
