"""Whether a notification is still true, so that no user is reminded of a cancelled or rescheduled appointment."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from shared.appointments import queries
from shared.appointments.line import AppointmentLine
from shared.bookings.lifecycle import ACTIVE, UNPAID, Acceptance, Status
from shared.bookings.models import Booking
from shared.notifications.notice import Notice


@dataclass(frozen=True)
class _Rule:
    """The states of a booking in which a notification is true; the start must be unchanged too."""

    statuses: frozenset[Status] = ACTIVE
    acceptances: frozenset[Acceptance] = frozenset(Acceptance)
    unpaid: bool = False
    same_provider: bool = False

    def matches(self, booking: Booking, provider_id: object) -> bool:
        return (
            booking.status in self.statuses
            and booking.acceptance in self.acceptances
            and (not self.unpaid or booking.payment_status in UNPAID)
            and (not self.same_provider or str(booking.provider_id) == provider_id)
        )


_COMING = frozenset({Status.CONFIRMED})
_AWAITED, _ACCEPTED = frozenset({Acceptance.AWAITING}), frozenset({Acceptance.ACCEPTED})
# Other kinds report something that has ended, and remain true.
_RULES = {
    "booked": _Rule(unpaid=True),
    "confirmed": _Rule(),
    "accepted": _Rule(acceptances=_ACCEPTED, same_provider=True),
    "provider_changed": _Rule(same_provider=True),
    "rescheduled": _Rule(),
    "reminder_day": _Rule(_COMING),
    "reminder_hours": _Rule(_COMING),
    "started": _Rule(frozenset({Status.IN_PROGRESS})),
    "visit_to_answer": _Rule(acceptances=_AWAITED, same_provider=True),
    "visit_moved": _Rule(acceptances=_AWAITED, same_provider=True),
    "visit_paid": _Rule(same_provider=True),
    "provider_reminder_day": _Rule(_COMING, _ACCEPTED, same_provider=True),
    "provider_reminder_hours": _Rule(_COMING, _ACCEPTED, same_provider=True),
}


def is_current(session: Session, line: AppointmentLine, notice: Notice) -> bool:
    """Return whether a notification is still true, by its kind and its facts."""
    rule = next((rule for kind, rule in _RULES.items() if line.word(kind) == notice.kind), None)
    if rule is None:
        return True
    booking_id = UUID(str(notice.facts.get("booking_id", notice.subject_id)))
    booking, starts_at = queries.booking_and_start(session, booking_id)
    same_start = starts_at == datetime.fromisoformat(str(notice.facts["starts_at"]))
    return same_start and rule.matches(booking, notice.facts["provider_id"])
