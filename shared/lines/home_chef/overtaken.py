"""What we were about to say, and is no longer so: nobody is reminded of a visit that was cancelled or moved meanwhile."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from shared.bookings.lifecycle import ACTIVE, UNPAID, Answer, Status
from shared.bookings.models import Booking
from shared.lines.home_chef import queries


@dataclass(frozen=True)
class _While:
    """How a booking must stand for a notification to be true; at the time it was made for, too."""

    statuses: frozenset[Status] = ACTIVE
    answers: frozenset[Answer] = frozenset(Answer)
    unpaid: bool = False
    same_chef: bool = False

    def holds(self, booking: Booking, facts: dict[str, Any]) -> bool:
        return (
            booking.status in self.statuses
            and booking.answer in self.answers
            and (not self.unpaid or booking.payment_status in UNPAID)
            and (not self.same_chef or str(booking.provider_id) == facts["chef_id"])
        )


_COMING = frozenset({Status.CONFIRMED})
_AWAITED, _ACCEPTED = frozenset({Answer.AWAITING}), frozenset({Answer.ACCEPTED})
# A kind that is not here tells of what has ended, and stays true.
_RULES = {
    "booked": _While(unpaid=True),
    "confirmed": _While(),
    "accepted": _While(answers=_ACCEPTED, same_chef=True),
    "chef_changed": _While(same_chef=True),
    "rescheduled": _While(),
    "reminder_day": _While(_COMING),
    "reminder_hours": _While(_COMING),
    "started": _While(frozenset({Status.IN_PROGRESS})),
    "visit_to_answer": _While(answers=_AWAITED, same_chef=True),
    "visit_moved": _While(answers=_AWAITED, same_chef=True),
    "visit_paid": _While(same_chef=True),
    "chef_reminder_day": _While(_COMING, _ACCEPTED, same_chef=True),
    "chef_reminder_hours": _While(_COMING, _ACCEPTED, same_chef=True),
}


def is_current(session: Session, kind: str, subject_id: UUID, facts: dict[str, Any]) -> bool:
    """Tell whether a notification is still true, from its kind, its subject and its facts (`telling.facts_of`)."""
    rule = _RULES.get(kind)
    if rule is None:
        return True
    booking, starts_at = queries.standing(session, UUID(facts.get("booking_id", str(subject_id))))
    return starts_at == datetime.fromisoformat(facts["starts_at"]) and rule.holds(booking, facts)
