"""Days on which a chef does not work, whatever the week says; visits that are booked come first."""

from datetime import datetime, time, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from shared.kit.clock import instant, local
from shared.kit.errors import Invalid, NotFound, Refusal
from shared.lines.home_chef.chefs import calendar, queries
from shared.lines.home_chef.chefs.schemas import BookedVisitView, DayOffRequest
from shared.lines.home_chef.models import DayOff
from shared.lines.home_chef.visits import ZONE


class DayOffNotFound(NotFound):
    code = "day_off_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such day off.")


class DayOffTaken(Refusal):
    code, title = "day_off_taken", "That day is off already"


class VisitsBooked(Refusal):
    code, title = "visits_booked", "You have visits on that day"


def add(session: Session, chef_id: UUID, wanted: DayOffRequest, now: datetime) -> DayOff:
    """Take a day off that has not passed where the chef works.

    Raises Invalid for a day in the past, DayOffTaken, and VisitsBooked with the visits that touch the day, also those
    that only reach into it over midnight.
    """
    if wanted.day < local(now, ZONE).date():
        raise Invalid("day", "must not be in the past")
    calendar.touch(session, chef_id)
    begins = instant(wanted.day, time(), ZONE)
    ends = instant(wanted.day + timedelta(days=1), time(), ZONE)
    booked = queries.visits_between(session, chef_id, begins, ends)
    if booked:
        visits = [BookedVisitView.model_validate(visit).model_dump(mode="json") for visit in booked]
        raise VisitsBooked(f"Booked on that day: {', '.join(visit.ref for visit in booked)}.", visits=visits)
    day_off = queries.add_day_off(session, chef_id, wanted.day, wanted.reason, now)
    if day_off is None:
        raise DayOffTaken(f"{wanted.day} is off already.")
    return day_off


def remove(session: Session, chef_id: UUID, day_off_id: UUID) -> None:
    """Work again on a chef's own day off. Raises DayOffNotFound."""
    calendar.touch(session, chef_id)
    if not queries.remove_day_off(session, chef_id, day_off_id):
        raise DayOffNotFound
