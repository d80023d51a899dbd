"""The states of an attempt to pay and of a refund, and the moves between them. Late truth is legal truth."""

from enum import StrEnum

from shared.kit.lifecycle import Lifecycle


class AttemptState(StrEnum):
    CREATED = "created"  # written before the gateway was called; it may or may not know of it
    PENDING = "pending"  # the customer has a page to pay on
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    MISMATCHED = "mismatched"  # paid, but not as requested: manual review


class RefundState(StrEnum):
    CREATED = "created"
    SENT = "sent"  # the gateway has not answered the request; only the same id may ask again
    PENDING = "pending"
    DONE = "done"
    NEEDS_PERSON = "needs_person"  # it failed, or was cash: manual review


class Cause(StrEnum):
    """Why money goes back, where a rule and no person has decided it; what a rule says is no person's to say."""

    CANCELLED = "cancelled"
    RESCHEDULED = "rescheduled"  # to a cheaper time: the price itself is another since
    TOO_LATE = "payment_too_late"
    DUPLICATE = "payment_duplicate"


_ENDS = frozenset({AttemptState.SUCCEEDED, AttemptState.FAILED, AttemptState.MISMATCHED})
ATTEMPT = Lifecycle[AttemptState](
    {
        AttemptState.CREATED: frozenset({AttemptState.PENDING}) | _ENDS,
        AttemptState.PENDING: _ENDS,
        # A gateway may find the money after it, or we, gave the attempt up (docs/phonepe.md#late-success).
        AttemptState.FAILED: frozenset({AttemptState.SUCCEEDED, AttemptState.MISMATCHED}),
        AttemptState.SUCCEEDED: frozenset(),
        AttemptState.MISMATCHED: frozenset(),
    }
)
LIVE = frozenset({AttemptState.CREATED, AttemptState.PENDING})

_REFUND_ENDS = frozenset({RefundState.DONE, RefundState.NEEDS_PERSON})
REFUND = Lifecycle[RefundState](
    {
        RefundState.CREATED: frozenset({RefundState.SENT, RefundState.NEEDS_PERSON}),
        RefundState.SENT: frozenset({RefundState.PENDING}) | _REFUND_ENDS,
        RefundState.PENDING: _REFUND_ENDS,
        RefundState.NEEDS_PERSON: frozenset({RefundState.DONE}),
        RefundState.DONE: frozenset(),
    }
)
UNFINISHED = frozenset({RefundState.CREATED, RefundState.SENT, RefundState.PENDING})
