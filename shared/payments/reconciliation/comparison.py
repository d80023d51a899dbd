"""The comparison of a gateway's status with our rows and the ledger: pure decisions (docs/product.md#reconciliation)."""

from dataclasses import dataclass
from enum import StrEnum

from shared.payments.gateway import GatewayAnswer, GatewayStatus
from shared.payments.lifecycle import LIVE, UNFINISHED, AttemptState, RefundState


class About(StrEnum):
    """The subject of a comparison: our payment, our refund, or an unknown id that a notification named."""

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

    SETTLE = "settle"  # poll the gateway and settle its answer
    COMPARE_AGAIN = "compare_again"
    BOOK_FEE = "book_fee"  # correct the booked fee to the gateway's
    CLOSE = "close"  # resolved by the admin, with a note


@dataclass(frozen=True)
class Ours:
    """Our state of a payment or refund, and its amounts in the ledger; paise."""

    state: str
    amount: int
    booked: int
    fee: int
    gateway_id: str | None
    bank_reference: str | None


@dataclass(frozen=True)
class Theirs:
    """The gateway's state of it; `is_ours` is false if the answer names something other than what was queried."""

    state: str
    code: str
    amount: int | None
    fee: int | None
    gateway_id: str | None
    bank_reference: str | None
    is_ours: bool = True

    @classmethod
    def of(cls, answer: GatewayAnswer, merchant: str, our_id: str, currency: str) -> "Theirs":
        """Read the answer to a query for our id at this merchant."""
        queried = (merchant, our_id, currency)
        return cls(
            state=answer.status.value,
            code=answer.code,
            amount=answer.amount,
            fee=answer.fee,
            gateway_id=answer.gateway_txn_id,
            bank_reference=answer.bank_reference,
            is_ours=answer.merchant_txn_id is None
            or (answer.merchant, answer.merchant_txn_id, answer.currency) == queried,
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

    Both still pending is a match. A fee that is not booked yet is no difference: the report books it.
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
    """Return the gateway's fee in paise if it is not booked yet; else 0."""
    settled = outcome is Outcome.MATCHED and theirs.state == GatewayStatus.SUCCEEDED
    return theirs.fee or 0 if settled and ours is not None and ours.fee == 0 else 0


def is_over(ours: Ours | None, outcome: Outcome) -> bool:
    """Return whether a match is final; a match of two pending sides is compared again."""
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
    """Return the admin's allowed actions on a row, by its outcome and our state when it was compared."""
    allowed = () if closed else ACTIONS[outcome]
    return tuple(action for action in allowed if action is not Action.SETTLE or state in _CAN_MOVE)


# Every difference except one of the fee needs manual review.
NEEDS_REVIEW = frozenset(Outcome) - {Outcome.MATCHED, Outcome.FEE_DIFFERS}
