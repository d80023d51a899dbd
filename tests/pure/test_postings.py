"""The ledger postings of each money event (docs/product.md#ledger): the example table, and sums of zero."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ledger import postings
from shared.ledger.postings import AccountCode, Bearer, Kind, Parts

CHEF = UUID("6f1c0a52-0d3e-4b57-9d1b-0f6f2a7d3c11")
DINNER = Parts(provider=214_200, platform=10_710, gst=11_246)  # 2,361.56
RESERVED = {AccountCode.BANK, AccountCode.PROVIDER_HELD}  # no fact uses them yet
AMOUNTS = st.integers(0, 10**12)
PARTS = st.builds(Parts, AMOUNTS, AMOUNTS, AMOUNTS)


def lines(booked):
    """Return the postings of one event as `account: amount`; a debit is positive."""
    assert len({line.account for line in booked}) == len(booked)
    return {line.account.value: line.amount for line in booked}


# Each rule of the product with its amounts: a dinner of 2,361.56, of which half (1,180.78) is kept or goes back.
WHOLE, HALF = 236_156, 118_078
RULES = [
    (Kind.CAPTURED, lambda: postings.captured(WHOLE), {"gateway_clearing": WHOLE, "customer_advance": -WHOLE}),
    (Kind.CASH_TAKEN, lambda: postings.cash_taken(WHOLE), {"cash": WHOLE, "customer_advance": -WHOLE}),
    (
        Kind.COMPLETED,
        lambda: postings.completed(DINNER, CHEF),
        {"customer_advance": WHOLE, "provider_payable": -214_200, "platform_revenue": -10_710, "gst_payable": -11_246},
    ),
    (Kind.REFUND_DECIDED, lambda: postings.refund_decided(HALF), {"customer_advance": HALF, "refunds_payable": -HALF}),
    (Kind.REFUND_DONE, lambda: postings.refund_done(HALF), {"refunds_payable": HALF, "gateway_clearing": -HALF}),
    (Kind.REFUND_DONE, lambda: postings.cash_refund_done(HALF), {"refunds_payable": HALF, "cash": -HALF}),
    (Kind.OWED_BACK, lambda: postings.owed_back(WHOLE), {"gateway_clearing": WHOLE, "refunds_payable": -WHOLE}),
    (
        Kind.KEPT,
        lambda: postings.kept_on_cancellation(HALF, DINNER, CHEF),
        {"customer_advance": HALF, "provider_payable": -107_100, "platform_revenue": -5_355, "gst_payable": -5_623},
    ),
    (
        Kind.KEPT,  # there is no chef: what would have been theirs is the platform's
        lambda: postings.kept_on_cancellation(HALF, DINNER, None),
        {"customer_advance": HALF, "platform_revenue": -112_455, "gst_payable": -5_623},
    ),
    (
        Kind.REVERSED,
        lambda: postings.reversed_earnings(HALF, DINNER, Bearer.PLATFORM, CHEF),
        {"platform_revenue": 112_455, "gst_payable": 5_623, "refunds_payable": -HALF},
    ),
    (
        Kind.REVERSED,
        lambda: postings.reversed_earnings(HALF, DINNER, Bearer.PROVIDER, CHEF),
        {"provider_payable": 107_100, "platform_revenue": 5_355, "gst_payable": 5_623, "refunds_payable": -HALF},
    ),
    (Kind.GATEWAY_FEE, lambda: postings.gateway_fee(4_723), {"gateway_fees": 4_723, "gateway_clearing": -4_723}),
]


@pytest.mark.parametrize(("kind", "fact", "wanted"), RULES)
def test_a_fact_is_booked_by_its_rule_and_only_the_chefs_line_bears_the_chefs_name(kind, fact, wanted):
    booked = fact()
    assert lines(booked) == wanted, kind
    assert sum(wanted.values()) == 0
    assert {line.account: line.provider_id for line in booked if line.provider_id} == dict.fromkeys(
        {AccountCode.PROVIDER_PAYABLE} & wanted.keys(), CHEF
    )


def test_every_kind_of_fact_and_every_account_has_a_rule_in_the_table():
    assert {kind for kind, _, _ in RULES} == set(Kind)
    assert set().union(*(wanted for _, _, wanted in RULES)) == set(AccountCode) - RESERVED


@given(AMOUNTS)
def test_each_simple_fact_sums_to_zero_whatever_the_amount(amount):
    facts = ("captured", "cash_taken", "refund_decided", "refund_done", "owed_back", "gateway_fee", "cash_refund_done")
    for fact in facts:
        assert sum(line.amount for line in getattr(postings, fact)(amount)) == 0


def test_the_odd_paisa_that_is_kept_goes_to_the_largest_remainder():
    assert lines(postings.kept_on_cancellation(100, Parts(provider=1, platform=1, gst=1), CHEF)) == {
        "customer_advance": 100,
        "provider_payable": -34,
        "platform_revenue": -33,
        "gst_payable": -33,
    }


def test_a_side_that_gets_nothing_has_no_line():
    """The ledger refuses a posting of nothing."""
    assert lines(postings.completed(Parts(provider=100, platform=0, gst=0), CHEF)) == {
        "customer_advance": 100,
        "provider_payable": -100,
    }


@given(PARTS)
def test_a_completed_visit_sums_to_zero_whatever_its_parts(parts):
    assert sum(line.amount for line in postings.completed(parts, CHEF)) == 0


@given(PARTS.filter(lambda parts: parts.total > 0), AMOUNTS, st.sampled_from([CHEF, None]))
def test_what_is_kept_sums_to_zero_whatever_its_parts(parts, amount, provider):
    booked = postings.kept_on_cancellation(amount, parts, provider)
    assert sum(line.amount for line in booked) == 0
    assert all(line.amount for line in booked[1:])
    if provider is None:
        assert AccountCode.PROVIDER_PAYABLE not in {line.account for line in booked}


@given(PARTS.filter(lambda parts: parts.total > 0))
def test_keeping_everything_is_what_completing_would_have_booked(parts):
    assert lines(postings.kept_on_cancellation(parts.total, parts, CHEF)) == lines(postings.completed(parts, CHEF))


def test_a_payment_that_is_refunded_leaves_no_account_with_a_balance():
    booked = [*postings.captured(500), *postings.refund_decided(500), *postings.refund_done(500)]
    balances = {line.account: 0 for line in booked}
    for line in booked:
        balances[line.account] += line.amount
    assert set(balances.values()) == {0}


def test_a_late_payment_that_is_sent_back_leaves_no_account_with_a_balance():
    booked = [*postings.owed_back(500), *postings.refund_done(500)]
    assert sum(line.amount for line in booked if line.account is AccountCode.GATEWAY_CLEARING) == 0
    assert sum(line.amount for line in booked if line.account is AccountCode.REFUNDS_PAYABLE) == 0


PLATFORM, PROVIDER = Bearer.PLATFORM, Bearer.PROVIDER


@pytest.mark.parametrize(
    ("earned", "amount", "bearer", "left"),
    [
        # Half of a dinner: the tax goes back with it, the rest is the platform's loss or shared like the price.
        ((214_200, 10_710, 11_246), 118_078, PLATFORM, (214_200, -101_745, 5_623)),
        ((214_200, 10_710, 11_246), 118_078, PROVIDER, (107_100, 5_355, 5_623)),
        # All of it: who bears it has nothing left, the state neither, and the chef is paid or is not.
        ((214_200, 10_710, 11_246), 236_156, PLATFORM, (214_200, -214_200, 0)),
        ((214_200, 10_710, 11_246), 236_156, PROVIDER, (0, 0, 0)),
        # The odd paisa goes to the largest remainder.
        ((1, 1, 1), 1, PROVIDER, (0, 1, 1)),
        ((50, 30, 20), 1, PROVIDER, (49, 30, 20)),
        ((50, 30, 20), 33, PROVIDER, (34, 20, 13)),
        # What the platform has given away before, nobody can take from it again.
        ((214_200, -101_745, 5_623), 118_078, PROVIDER, (101_745, -101_745, 0)),
        ((214_200, -101_745, 5_623), 59_039, PLATFORM, (214_200, -157_973, 2_812)),
        ((0, 112_455, 5_623), 59_039, PROVIDER, (0, 56_227, 2_812)),
        ((0, 0, 0), 0, PLATFORM, (0, 0, 0)),
    ],
)
def test_a_refund_takes_from_each_part_what_its_bearer_bears(earned, amount, bearer, left):
    assert postings.after_refund(Parts(*earned), amount, bearer) == Parts(*left)


def test_no_more_goes_back_than_was_earned():
    for amount in (-1, DINNER.total + 1):
        with pytest.raises(ValueError, match="cannot go back"):
            postings.after_refund(DINNER, amount, PLATFORM)


def test_a_visit_completed_at_a_loss_of_the_platform_is_booked_as_one():
    left = postings.after_refund(DINNER, 118_078, PLATFORM)
    assert lines(postings.completed(left, CHEF)) == {
        "customer_advance": 118_078,
        "provider_payable": -214_200,
        "platform_revenue": 101_745,
        "gst_payable": -5_623,
    }


@given(PARTS.filter(lambda parts: parts.total > 0), st.lists(st.tuples(st.floats(0, 1), st.sampled_from(Bearer))))
def test_refunds_in_any_order_at_anybodys_expense_never_take_what_is_not_there(parts, refunds):
    """Fails when the original parts are the weights of every refund: the tax becomes negative."""
    left = parts
    for share, bearer in [*refunds, (1, PLATFORM)]:
        amount = int(left.total * share)
        booked = postings.reversed_earnings(amount, left, bearer, CHEF)
        assert sum(line.amount for line in booked) == 0
        after = postings.after_refund(left, amount, bearer)
        assert after.total == left.total - amount
        assert 0 <= after.gst <= left.gst
        assert 0 <= after.provider <= left.provider
        assert bearer is PROVIDER or after.provider == left.provider
        left = after
    assert left.total == left.gst == 0
