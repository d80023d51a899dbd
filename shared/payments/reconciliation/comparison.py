"""The comparison of a gateway's status with our rows and the ledger: pure decisions (docs/product.md#reconciliation)."""

from dataclasses import dataclass
from enum import StrEnum

from shared.payments.gateway import GatewayAnswer, GatewayStatus
from shared.payments.lifecycle import LIVE, UNFINISHED, AttemptState, RefundState


class About(StrEnum):
    """The subject of a comparison: a payment or a refund of ours, or what a notification named that is neither."""

    PAYMENT = "payment"
    REFUND = "refund"
    NOTIFICATION = "notification"


class Outcome(StrEnum):
    MATCHED = "matched"
    OURS_ONLY = "ours_only"
    THEIRS_ONLY = "theirs_only"
    AMOUNT_DIFFERS = "amount_differs"
    STATE_DIFFERS = "state_differs"
    FEE_DIFFERS = "fee_differs"


class Action(StrEnum):
    """An admin's action on a row."""

    SETTLE = "settle"  # ask the gateway and settle its answer, as every signal does
    COMPARE_AGAIN = "compare_again"
    BOOK_FEE = "book_fee"  # bring the booked fee to what the gateway says
    CLOSE = "close"  # a person has seen to it, and says how


@dataclass(frozen=True)
class Ours:
    """A payment or a refund as we know it, and what the ledger has booked for it; paise."""

    state: str
    amount: int
    booked: int
    fee: int
    gateway_id: str | None
    bank_reference: str | None


@dataclass(frozen=True)
class Theirs:
    """The same as the gateway tells it; `is_ours` is false where the answer speaks of something else than was asked."""

    state: str
    code: str
    amount: int | None
    fee: int | None
    gateway_id: str | None
    bank_reference: str | None
    is_ours: bool = True

    @classmethod
    def of(cls, answer: GatewayAnswer, merchant: str, our_id: str, currency: str) -> "Theirs":
        """Read an answer about what was asked for at this merchant, by this id of ours."""
        asked = (merchant, our_id, currency)
        return cls(
            state=answer.status.value,
            code=answer.code,
            amount=answer.amount,
            fee=answer.fee,
            gateway_id=answer.gateway_txn_id,
            bank_reference=answer.bank_reference,
            is_ours=answer.merchant_txn_id is None
            or (answer.merchant, answer.merchant_txn_id, answer.currency) == asked,
        )


_NEVER_HAPPENED = frozenset({GatewayStatus.FAILED, GatewayStatus.NOT_FOUND})
# Gateway statuses that agree with each of our states; a status shared by payments and refunds means the same for both.
AGREES: dict[str, frozenset[GatewayStatus]] = {
    AttemptState.CREATED: frozenset({GatewayStatus.PENDING}),
    AttemptState.PENDING: frozenset({GatewayStatus.PENDING}),
    AttemptState.SUCCEEDED: frozenset({GatewayStatus.SUCCEEDED}),
    AttemptState.FAILED: _NEVER_HAPPENED,
    AttemptState.MISMATCHED: frozenset({GatewayStatus.SUCCEEDED}),
    RefundState.SENT: frozenset({GatewayStatus.PENDING}),
    RefundState.DONE: frozenset({GatewayStatus.SUCCEEDED}),
    RefundState.NEEDS_PERSON: _NEVER_HAPPENED,
}
_MOVED_MONEY = frozenset({AttemptState.SUCCEEDED, AttemptState.MISMATCHED, RefundState.DONE})
NOT_OVER = frozenset(state.value for state in LIVE | UNFINISHED)
# A failed payment that succeeded after all is settled too; any other ended state needs manual review.
_CAN_MOVE = NOT_OVER | {AttemptState.FAILED.value}


def compare(ours: Ours | None, theirs: Theirs) -> Outcome:
    """Return the outcome of comparing the two sides: the first difference that counts, or MATCHED.

    Both still pending is a match. A fee that is not booked yet is no difference: it is booked then.
    """
    if ours is None:
        return Outcome.THEIRS_ONLY
    if theirs.state == GatewayStatus.NOT_FOUND and ours.state in _MOVED_MONEY:
        return Outcome.OURS_ONLY
    if not theirs.is_ours:
        return Outcome.STATE_DIFFERS
    if theirs.amount is not None and theirs.amount != ours.amount:
        return Outcome.AMOUNT_DIFFERS
    if theirs.state not in AGREES[ours.state]:
        return Outcome.STATE_DIFFERS
    if ours.booked != (ours.amount if theirs.state == GatewayStatus.SUCCEEDED else 0):
        return Outcome.AMOUNT_DIFFERS
    if theirs.fee is not None and ours.fee not in {0, theirs.fee}:
        return Outcome.FEE_DIFFERS
    return Outcome.MATCHED


def fee_to_book(ours: Ours | None, theirs: Theirs, outcome: Outcome) -> int:
    """Return the paise of a fee that the gateway names and nobody has booked; 0 where there is nothing to book."""
    settled = outcome is Outcome.MATCHED and theirs.state == GatewayStatus.SUCCEEDED
    return theirs.fee or 0 if settled and ours is not None and ours.fee == 0 else 0


def is_over(ours: Ours | None, outcome: Outcome) -> bool:
    """Tell whether a match is one for good: what is still pending on both sides is looked at again."""
    return outcome is Outcome.MATCHED and ours is not None and ours.state not in NOT_OVER


ACTIONS: dict[Outcome, tuple[Action, ...]] = {
    Outcome.MATCHED: (),
    Outcome.OURS_ONLY: (Action.COMPARE_AGAIN, Action.CLOSE),
    Outcome.THEIRS_ONLY: (Action.COMPARE_AGAIN, Action.CLOSE),
    Outcome.AMOUNT_DIFFERS: (Action.COMPARE_AGAIN, Action.CLOSE),
    Outcome.STATE_DIFFERS: (Action.SETTLE, Action.COMPARE_AGAIN, Action.CLOSE),
    Outcome.FEE_DIFFERS: (Action.BOOK_FEE, Action.CLOSE),
}


def actions(outcome: Outcome, state: str | None, *, closed: bool) -> tuple[Action, ...]:
    """Return what may be done about a row, by its outcome and the state of ours it was found in."""
    allowed = () if closed else ACTIONS[outcome]
    return tuple(action for action in allowed if action is not Action.SETTLE or state in _CAN_MOVE)


# Every difference except one of the fee needs manual review.
FOR_A_PERSON = frozenset(Outcome) - {Outcome.MATCHED, Outcome.FEE_DIFFERS}
