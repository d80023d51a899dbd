"""The only module that changes a booking's status, payment status, acceptance and provider (a test checks it)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from shared.bookings.history import Actor, event
from shared.bookings.lifecycle import BOOKING, Acceptance, PaymentStatus, Status
from shared.bookings.models import Booking
from shared.kit.errors import Refusal


class StatusChangeNotAllowed(Refusal):
    code, title = "step_not_allowed", "Status change not allowed"

    def __init__(self, booking: Booking, target: str, why: str | None = None) -> None:
        allowed = sorted(BOOKING.moves[booking.status])
        detail = why or f"A booking that is {booking.status} cannot become {target}."
        super().__init__(detail, current=booking.status, target=target, allowed=allowed)


def move(
    session: Session,
    booking: Booking,
    to: Status,
    actor: Actor,
    now: datetime,
    *,
    kind: str,
    reason: str | None = None,
    payment: PaymentStatus | None = None,
    acceptance: Acceptance | None = None,
    **facts: Any,
) -> None:
    """Change a locked booking's status and write the event; raises IllegalMove if the lifecycle forbids the change."""
    came_from = booking.status
    booking.status = BOOKING.move(came_from, to)
    booking.payment_status = payment or booking.payment_status
    booking.acceptance = acceptance or booking.acceptance
    session.add(event(booking, actor, now, kind=kind, reason=reason, came_from=came_from, **facts))


def refuse_move(booking: Booking, to: Status, why: str | None = None) -> None:
    """Raise StatusChangeNotAllowed if the lifecycle forbids the change."""
    if not BOOKING.allows(booking.status, to):
        raise StatusChangeNotAllowed(booking, to, why)


def set_payment_status(booking: Booking, status: PaymentStatus) -> None:
    """Set the payment status of a locked booking."""
    booking.payment_status = status


def accept(booking: Booking) -> None:
    """Set a locked booking's acceptance to accepted."""
    booking.acceptance = Acceptance.ACCEPTED


def await_acceptance(booking: Booking, provider_id: UUID | None = None) -> None:
    """Set a locked booking's acceptance to awaiting, for its provider or a new one."""
    booking.provider_id = provider_id or booking.provider_id
    booking.acceptance = Acceptance.AWAITING


def release_provider(booking: Booking) -> None:
    """Remove the provider of a locked booking."""
    booking.provider_id, booking.acceptance = None, Acceptance.UNASSIGNED
