"""The history of a booking, and its manual reviews."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.bookings.lifecycle import Status
from shared.bookings.models import Booking, BookingEvent, ManualReview
from shared.kit.base import for_update


@dataclass(frozen=True)
class Actor:
    """The actor of a change: a user with a role, or the system."""

    role: str
    id: UUID | None = None


SYSTEM = Actor("system")


def note(
    session: Session,
    booking: Booking,
    actor: Actor,
    now: datetime,
    *,
    kind: str,
    reason: str | None = None,
    **facts: Any,
) -> None:
    """Write an event to a booking's history that does not change its status."""
    session.add(event(booking, actor, now, kind=kind, reason=reason, **facts))


def event(
    booking: Booking,
    actor: Actor,
    now: datetime,
    *,
    kind: str,
    reason: str | None = None,
    came_from: Status | None = None,
    **facts: Any,
) -> BookingEvent:
    return BookingEvent(
        booking_id=booking.id,
        at=now,
        actor=actor.role,
        actor_id=actor.id,
        kind=kind,
        from_status=came_from.value if came_from else None,
        to_status=booking.status if came_from else None,
        reason=reason,
        facts=facts,
    )


def open_review(
    session: Session, kind: str, subject_id: UUID, booking_id: UUID | None, now: datetime, **facts: Any
) -> None:
    """Open a manual review, once per kind and subject. The caller has locked the subject's row."""
    known = session.query(ManualReview.id).filter_by(kind=kind, subject_id=subject_id, closed_at=None).first()
    if known is None:
        session.add(ManualReview(kind=kind, subject_id=subject_id, booking_id=booking_id, facts=facts, created_at=now))


def close_reviews(session: Session, kind: str, subject_id: UUID, actor: Actor, note: str, now: datetime) -> None:
    """Lock and close the open manual reviews of a kind and subject."""
    still_open = select(ManualReview).filter_by(kind=kind, subject_id=subject_id, closed_at=None)
    for found in session.scalars(for_update(still_open)):
        found.closed_at, found.closed_by, found.closing_note = now, actor.id, note
