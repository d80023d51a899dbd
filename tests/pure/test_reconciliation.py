"""Our side against the gateway's: every difference has its name, and each name the actions it allows."""

from dataclasses import replace
from itertools import product

import pytest

from shared.payments.gateway import GatewayAnswer, GatewayStatus
from shared.payments.lifecycle import AttemptState, RefundState
from shared.payments.reconciliation.comparison import (
    ACTIONS,
    AGREES,
    NEEDS_REVIEW,
    Action,
    Ours,
    Outcome,
    Theirs,
    actions,
    compare,
    fee_to_book,
    is_over,
)

OURS = Ours("succeeded", 500_00, 500_00, 0, "T1", "UTR1")
THEIRS = Theirs("succeeded", "PAYMENT_SUCCESS", 500_00, None, "T1", "UTR1")
# The outcome of each of our states for each gateway status, when all amounts match.
NAMED = {
    "created": {"pending": "matched"},
    "pending": {"pending": "matched"},
    "sent": {"pending": "matched"},
    "succeeded": {"succeeded": "matched", "not_found": "ours_only"},
    "done": {"succeeded": "matched", "not_found": "ours_only"},
    "failed": {"failed": "matched", "not_found": "matched"},
    "needs_person": {"failed": "matched", "not_found": "matched"},
    # The gateway has the money and our ledger, rightly, does not: a person decides.
    "mismatched": {"succeeded": "amount_differs", "not_found": "ours_only"},
}


def side(state: str, **other: object) -> Ours:
    return replace(OURS, state=state, booked=500_00 if state in {"succeeded", "done"} else 0, **other)


@pytest.mark.parametrize(("state", "status"), list(product(NAMED, GatewayStatus)))
def test_every_state_of_ours_against_every_word_of_theirs(state, status):
    """Every pair missing in the table is `state_differs`, so that none is matched by omission."""
    named = NAMED[state].get(status.value, "state_differs")
    assert compare(side(state), replace(THEIRS, state=status.value)) == named


def test_every_state_there_is_has_a_meaning():
    assert set(AGREES) == set(NAMED) == {*AttemptState, *RefundState}


@pytest.mark.parametrize("status", GatewayStatus)
def test_what_we_do_not_know_is_theirs_only(status):
    assert compare(None, replace(THEIRS, state=status.value)) is Outcome.THEIRS_ONLY


@pytest.mark.parametrize(
    ("ours", "theirs", "outcome"),
    [
        ({}, {"amount": 501_00}, Outcome.AMOUNT_DIFFERS),
        ({"state": "pending", "booked": 0}, {"amount": 501_00}, Outcome.AMOUNT_DIFFERS),
        ({"booked": 0}, {}, Outcome.AMOUNT_DIFFERS),
        ({"booked": 499_00}, {}, Outcome.AMOUNT_DIFFERS),
        ({"state": "failed"}, {"state": "failed"}, Outcome.AMOUNT_DIFFERS),  # booked, although it failed
        ({}, {"amount": None}, Outcome.MATCHED),
        ({}, {"is_ours": False}, Outcome.STATE_DIFFERS),
        ({"fee": 10_00}, {"fee": 11_80}, Outcome.FEE_DIFFERS),
        ({"fee": 10_00}, {"fee": 0}, Outcome.FEE_DIFFERS),
        ({"fee": 11_80}, {"fee": 11_80}, Outcome.MATCHED),
        ({"fee": 11_80}, {}, Outcome.MATCHED),  # it says nothing of fees
        ({"fee": 10_00}, {"fee": 11_80, "state": "failed"}, Outcome.STATE_DIFFERS),  # what counts more is said
    ],
)
def test_what_else_differs(ours, theirs, outcome):
    assert compare(replace(OURS, **ours), replace(THEIRS, **theirs)) is outcome


def test_a_fee_is_booked_once_and_only_of_what_was_captured_and_matches():
    reported = replace(THEIRS, fee=11_80)
    assert fee_to_book(OURS, reported, Outcome.MATCHED) == 11_80
    assert fee_to_book(replace(OURS, fee=11_80), reported, Outcome.MATCHED) == 0
    assert fee_to_book(OURS, THEIRS, Outcome.MATCHED) == 0
    assert fee_to_book(side("failed"), replace(reported, state="failed"), Outcome.MATCHED) == 0
    assert fee_to_book(None, reported, Outcome.THEIRS_ONLY) == 0
    assert [fee_to_book(OURS, reported, outcome) for outcome in set(Outcome) - {Outcome.MATCHED}] == [0] * 5


@pytest.mark.parametrize("state", NAMED)
def test_only_a_match_of_what_has_ended_is_over(state):
    ended = state not in {"created", "pending", "sent"}
    assert is_over(side(state), Outcome.MATCHED) is ended
    assert not any(is_over(side(state), outcome) for outcome in set(Outcome) - {Outcome.MATCHED})


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_but_a_match_can_be_acted_on_and_a_closed_row_never(outcome):
    assert set(ACTIONS) == set(Outcome)
    for state in (*NAMED, None):
        allowed = actions(outcome, state, closed=False)
        assert bool(allowed) is (outcome is not Outcome.MATCHED)
        assert (Action.CLOSE in allowed) is (outcome is not Outcome.MATCHED)
        assert (Action.BOOK_FEE in allowed) is (outcome is Outcome.FEE_DIFFERS)
        assert actions(outcome, state, closed=True) == ()


@pytest.mark.parametrize("state", NAMED)
def test_only_what_can_still_move_can_be_settled(state):
    moves = state in {"created", "pending", "sent", "failed"}
    assert (Action.SETTLE in actions(Outcome.STATE_DIFFERS, state, closed=False)) is moves


def test_money_that_differs_is_for_a_person_and_a_fee_can_wait():
    assert {Outcome.MATCHED, Outcome.FEE_DIFFERS} == set(Outcome) - NEEDS_REVIEW


def answer(**other: object) -> GatewayAnswer:
    fields = {"merchant": "M", "merchant_txn_id": "SZ_1", "amount": 500_00, "fee": 11_80, **other}
    return GatewayAnswer(GatewayStatus.SUCCEEDED, "PAYMENT_SUCCESS", **fields)


@pytest.mark.parametrize("other", [{"merchant": "N"}, {"merchant_txn_id": "SZ_2"}, {"currency": "USD"}])
def test_an_answer_about_something_else_is_not_taken_for_ours(other):
    assert Theirs.of(answer(), "M", "SZ_1", "INR").is_ours
    assert not Theirs.of(answer(**other), "M", "SZ_1", "INR").is_ours


def test_an_answer_about_nothing_is_about_nothing_else():
    assert Theirs.of(GatewayAnswer(GatewayStatus.NOT_FOUND, "NOT_FOUND"), "M", "SZ_1", "INR").is_ours
