"""State machines pair by pair, and each combination of states allowed at rest (docs/product.md#states, docs/product.md#attempts)."""

import re
from importlib import import_module
from itertools import product

import pytest

from shared.appointments.lifecycle import OFFER, OfferState
from shared.bookings.lifecycle import ALLOWED_AT_COMMIT, BOOKING, Acceptance, PaymentStatus, Status, allowed_at_commit
from shared.kit.lifecycle import IllegalMove
from shared.payments.lifecycle import ATTEMPT, LIVE, REFUND, UNFINISHED, AttemptState, RefundState
from shared.payments.schemas import SHOWN

# From the product, as `state: next states`; a missing state is final.
MOVES = {
    "booking": (
        BOOKING,
        Status,
        {"pending": "confirmed cancelled", "confirmed": "in_progress cancelled", "in_progress": "completed"},
    ),
    "attempt": (
        ATTEMPT,
        AttemptState,
        {
            "created": "pending succeeded failed mismatched",
            "pending": "succeeded failed mismatched",
            "failed": "succeeded mismatched",
        },
    ),
    "refund": (
        REFUND,
        RefundState,
        {
            "created": "sent needs_person",
            "sent": "pending done needs_person",
            "pending": "done needs_person",
            "needs_person": "done",
        },
    ),
    "offer": (
        OFFER,
        OfferState,
        {"open": "accepted declined lapsed withdrawn", "accepted": "open declined withdrawn"},
    ),
}
PAIRS = [
    (machine, current, target)
    for machine, (_, states, _) in MOVES.items()
    for current, target in product(states, states)
]


@pytest.mark.parametrize(("machine", "current", "target"), PAIRS)
def test_a_step_is_allowed_exactly_where_the_product_says_so(machine, current, target):
    lifecycle, _, moves = MOVES[machine]
    if target in moves.get(current, "").split():
        assert lifecycle.move(current, target) is target
    else:
        with pytest.raises(IllegalMove) as refused:
            lifecycle.move(current, target)
        assert (refused.value.current, refused.value.target) == (current, target)
        assert refused.value.allowed == set(moves.get(current, "").split())
        assert str(refused.value) == f"{current} cannot become {target}"


@pytest.mark.parametrize("machine", MOVES)
def test_the_final_states_are_those_nothing_follows(machine):
    lifecycle, states, moves = MOVES[machine]
    assert {state for state in states if lifecycle.final(state)} == set(states) - moves.keys()
    assert lifecycle.moves.keys() == set(states)


def test_a_success_is_never_taken_back_and_a_failure_may_still_turn_into_one():
    assert ATTEMPT.final(AttemptState.SUCCEEDED)
    assert ATTEMPT.allows(AttemptState.FAILED, AttemptState.SUCCEEDED)


def test_what_lives_and_what_is_unfinished_can_still_move_to_its_end():
    assert {"created", "pending"} == LIVE
    assert {"created", "sent", "pending"} == UNFINISHED


def test_an_attempt_a_person_is_looking_at_is_shown_as_pending_and_every_state_is_shown():
    assert SHOWN == {
        "created": "pending",
        "pending": "pending",
        "succeeded": "success",
        "failed": "failed",
        "mismatched": "pending",
    }


# "Allowed at rest" of the product, copied by hand: status, payment, answer.
RESTING = {
    ("pending", "pending", "awaiting"),
    ("pending", "failed", "awaiting"),
    ("confirmed", "pending", "awaiting"),
    ("confirmed", "pending", "accepted"),
    ("confirmed", "failed", "awaiting"),
    ("confirmed", "failed", "accepted"),
    ("confirmed", "success", "unassigned"),
    ("confirmed", "success", "awaiting"),
    ("confirmed", "success", "accepted"),
    ("confirmed", "partially_refunded", "unassigned"),
    ("confirmed", "partially_refunded", "awaiting"),
    ("confirmed", "partially_refunded", "accepted"),
    ("in_progress", "success", "accepted"),
    ("in_progress", "partially_refunded", "accepted"),
    ("completed", "success", "accepted"),
    ("completed", "partially_refunded", "accepted"),
    ("completed", "refunded", "accepted"),
    ("cancelled", "failed", "unassigned"),
    ("cancelled", "failed", "accepted"),
    ("cancelled", "success", "unassigned"),
    ("cancelled", "success", "accepted"),
    ("cancelled", "partially_refunded", "unassigned"),
    ("cancelled", "partially_refunded", "accepted"),
    ("cancelled", "refunded", "unassigned"),
    ("cancelled", "refunded", "accepted"),
}
COMBINATIONS = list(product(Status, PaymentStatus, Acceptance))


def test_all_combinations_are_looked_at():
    assert (len(COMBINATIONS), len(RESTING)) == (75, 25)


@pytest.mark.parametrize(("status", "payment", "acceptance"), COMBINATIONS)
def test_a_booking_may_rest_exactly_where_the_product_says_so(status, payment, acceptance):
    assert allowed_at_commit(status, payment, acceptance) == ((status, payment, acceptance) in RESTING)


def test_the_constraint_of_the_database_allows_the_same_combinations():
    """Its text is read here, row by row; that Postgres reads it alike is for the tests of the database."""
    written = import_module("infra.migrations.versions.0003_home_chef").AT_REST
    rows = re.findall(
        r"status = '(\w+)' and payment_status in \(([^)]*)\)\s+and acceptance in \(([^)]*)\)", " ".join(written.split())
    )
    assert len(rows) == len(ALLOWED_AT_COMMIT)
    words = [(status, re.findall(r"\w+", payments), re.findall(r"\w+", answers)) for status, payments, answers in rows]
    assert {each for status, *sets in words for each in product([status], *sets)} == RESTING
