"""The states of a payment attempt and of a refund, and the moves between them. A late success is a legal move."""

from enum import StrEnum

from shared.kit.lifecycle import Lifecycle


class AttemptState(StrEnum):
    CREATED = "created"  # stored before the gateway is called, so the gateway may not have it
    PENDING = "pending"  # the customer has a page to pay on
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    MISMATCHED = "mismatched"  # paid, but not as requested: manual review


class Capture(StrEnum):
    """The use of a success, by the state of its booking."""

    APPLIED = "applied"
    LATE = "late"
    DUPLICATE = "duplicate"


class RefundState(StrEnum):
    CREATED = "created"
    SENT = "sent"  # the gateway has not answered the request; retry only with the same id
    PENDING = "pending"
    DONE = "done"
    NEEDS_PERSON = "needs_person"  # it failed, or was cash: manual review


class Cause(StrEnum):
    """The reason of an automatic refund; an admin cannot give these as reasons."""

    CANCELLED = "cancelled"
    RESCHEDULED = "rescheduled"  # to a cheaper time, which has changed the price
    TOO_LATE = "payment_too_late"
    DUPLICATE = "payment_duplicate"


_ENDS = frozenset({AttemptState.SUCCEEDED, AttemptState.FAILED, AttemptState.MISMATCHED})
ATTEMPT = Lifecycle[AttemptState](
    {
        AttemptState.CREATED: frozenset({AttemptState.PENDING}) | _ENDS,
        AttemptState.PENDING: _ENDS,
        # A gateway may report success after it, or we, had failed the attempt (docs/phonepe.md#late-success).
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
