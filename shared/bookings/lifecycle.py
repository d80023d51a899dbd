"""The statuses of a booking, their transitions, and the allowed payment statuses and acceptances (docs/product.md#states)."""

from enum import StrEnum

from shared.kit.lifecycle import Lifecycle


class Status(StrEnum):
    PENDING = "pending"
    CONFIRMED = "confirmed"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class PaymentStatus(StrEnum):
    PENDING = "pending"
    SUCCESS = "success"
    FAILED = "failed"
    REFUNDED = "refunded"
    PARTIALLY_REFUNDED = "partially_refunded"


class Acceptance(StrEnum):
    UNASSIGNED = "unassigned"
    AWAITING = "awaiting"
    ACCEPTED = "accepted"


BOOKING = Lifecycle[Status](
    {
        Status.PENDING: frozenset({Status.CONFIRMED, Status.CANCELLED}),
        Status.CONFIRMED: frozenset({Status.IN_PROGRESS, Status.CANCELLED}),
        Status.IN_PROGRESS: frozenset({Status.COMPLETED}),
        Status.COMPLETED: frozenset(),
        Status.CANCELLED: frozenset(),
    }
)
ACTIVE = frozenset({Status.PENDING, Status.CONFIRMED, Status.IN_PROGRESS})  # these occupy a provider's time

UNPAID = frozenset({PaymentStatus.PENDING, PaymentStatus.FAILED})
PAID = frozenset({PaymentStatus.SUCCESS, PaymentStatus.PARTIALLY_REFUNDED})

# Combinations allowed at commit: statuses × payments × acceptances. They are those of one line with appointments, whose
# migration has the CHECK. Another line has a CHECK of its own, or none.
ALLOWED_AT_COMMIT: tuple[tuple[Status, frozenset[PaymentStatus], frozenset[Acceptance]], ...] = (
    (Status.PENDING, UNPAID, frozenset({Acceptance.AWAITING})),
    (Status.CONFIRMED, UNPAID, frozenset({Acceptance.AWAITING, Acceptance.ACCEPTED})),
    (Status.CONFIRMED, PAID, frozenset(Acceptance)),
    (Status.IN_PROGRESS, PAID, frozenset({Acceptance.ACCEPTED})),
    (Status.COMPLETED, PAID | {PaymentStatus.REFUNDED}, frozenset({Acceptance.ACCEPTED})),
    (
        Status.CANCELLED,
        PAID | {PaymentStatus.REFUNDED, PaymentStatus.FAILED},
        frozenset({Acceptance.UNASSIGNED, Acceptance.ACCEPTED}),
    ),
)


def allowed_at_commit(status: Status, payment: PaymentStatus, acceptance: Acceptance) -> bool:
    """Return whether a booking may have this combination when a transaction commits."""
    return any(status is row[0] and payment in row[1] and acceptance in row[2] for row in ALLOWED_AT_COMMIT)
