"""Days on which a provider does not work, despite the week; refused while the provider has appointments then."""

from datetime import datetime, time, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from shared.appointments.line import AppointmentLine
from shared.appointments.providers import queries
from shared.appointments.providers.models import DayOff
from shared.appointments.providers.schemas import BookedAppointmentView, DayOffRequest
from shared.kit.clock import instant, local
from shared.kit.errors import Invalid, NotFound, Refusal


class DayOffNotFound(NotFound):
    code = "day_off_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such day off.")


class DayOffTaken(Refusal):
    code, title = "day_off_taken", "That day is off already"


class AppointmentsBooked(Refusal):
    code, title = "visits_booked", "You have appointments on that day"


def add(session: Session, line: AppointmentLine, provider_id: UUID, wanted: DayOffRequest, now: datetime) -> DayOff:
    """Add a day off, today or later in the line's time zone. Locks the provider.

    Raises Invalid for a day in the past, DayOffTaken, and AppointmentsBooked with the appointments that touch the day,
    also over midnight.
    """
    if wanted.day < local(now, line.time_zone).date():
        raise Invalid("day", "must not be in the past")
    queries.lock_calendar(session, provider_id)
    begins = instant(wanted.day, time(), line.time_zone)
    ends = instant(wanted.day + timedelta(days=1), time(), line.time_zone)
    booked = queries.appointments_between(session, provider_id, begins, ends)
    if booked:
        visits = [BookedAppointmentView.model_validate(row).model_dump(mode="json") for row in booked]
        raise AppointmentsBooked(f"Booked on that day: {', '.join(row.ref for row in booked)}.", visits=visits)
    day_off = queries.add_day_off(session, provider_id, wanted.day, wanted.reason, now)
    if day_off is None:
        raise DayOffTaken(f"{wanted.day} is off already.")
    return day_off


def remove(session: Session, provider_id: UUID, day_off_id: UUID) -> None:
    """Remove a provider's own day off. Locks the provider. Raises DayOffNotFound."""
    queries.lock_calendar(session, provider_id)
    if not queries.remove_day_off(session, provider_id, day_off_id):
        raise DayOffNotFound
