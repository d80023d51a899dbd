"""Who is told what of a visit, with the facts a mail is worded from."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy.orm import Session

from shared.bookings.models import Booking
from shared.lines.home_chef.lifecycle import LINE
from shared.lines.home_chef.models import Visit
from shared.notifications.queries import tell
from shared.users.models import User


def facts_of(session: Session, booking: Booking, visit: Visit) -> dict[str, Any]:
    """Return what a mail may say of a visit; amounts are paise."""
    chef = session.get(User, booking.provider_id) if booking.provider_id else None
    return {
        "ref": booking.ref,
        "total": booking.total,
        "earning": visit.earning,
        "day": visit.booking_date.isoformat(),
        "time": visit.time_slot.strftime("%H:%M"),
        "hours": visit.duration_hours,
        "guests": visit.guest_count,
        "city": visit.address["city"],
        "chef": chef.name if chef else None,
        "accepted": booking.answer == "accepted",
    }


def tell_customer(
    session: Session, booking: Booking, visit: Visit, kind: str, now: datetime, subject: UUID | None = None, **more: Any
) -> None:
    facts = facts_of(session, booking, visit) | more
    tell(session, booking.customer_id, LINE, kind, subject or booking.id, facts, now)


def tell_chef(
    session: Session, booking: Booking, visit: Visit, kind: str, now: datetime, subject: UUID | None = None
) -> None:
    if booking.provider_id is not None:
        facts = facts_of(session, booking, visit)
        tell(session, booking.provider_id, LINE, kind, subject or booking.id, facts, now)


def since_move(subject: UUID, visit: Visit) -> UUID:
    """Return the subject of what is told of a visit's time: with each move a new one, so that it is told again."""
    return uuid5(subject, f"moved {visit.rescheduled}") if visit.rescheduled else subject
