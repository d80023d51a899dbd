"""The week a chef works (PRODUCT, "A booking", Slots): parts of days that may meet and never overlap."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from shared.kit.errors import Invalid, NotFound, Refusal
from shared.lines.home_chef.chefs import calendar, queries
from shared.lines.home_chef.chefs.schemas import SlotRequest, SlotView
from shared.lines.home_chef.chefs.views import slot_view


class AvailabilityNotFound(NotFound):
    code = "availability_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such time in your week.")


class AvailabilityOverlap(Refusal):
    code, title = "availability_overlap", "The week has that time already"


def add(session: Session, chef_id: UUID, wanted: SlotRequest, now: datetime) -> SlotView:
    """Add a part to a chef's week. Raises AvailabilityOverlap with the slot it would meet."""
    calendar.touch(session, chef_id)
    slot = queries.add_slot(session, chef_id, wanted.row(), now)
    if slot is None:
        met = slot_view(queries.slot_met(session, chef_id, wanted.row()))
        told = f"{met.day_of_week} {met.start_time} to {met.end_time}"
        raise AvailabilityOverlap(f"It overlaps {told}, which is in the week.", slot=met.model_dump(mode="json"))
    return slot_view(slot)


def remove(session: Session, chef_id: UUID, slot_id: UUID) -> None:
    """Take a part out of a chef's own week; visits booked in it stand. Raises AvailabilityNotFound."""
    calendar.touch(session, chef_id)
    if not queries.remove_slot(session, chef_id, slot_id):
        raise AvailabilityNotFound


def replace(session: Session, chef_id: UUID, slots: Sequence[SlotRequest], now: datetime) -> list[SlotView]:
    """Set a chef's whole week and return it in its order; visits booked in the old one stand.

    Raises Invalid naming the entry of `slots` that overlaps one before it.
    """
    rows = [slot.row() for slot in slots]
    for index, row in enumerate(rows):
        met = next((other for other in range(index) if _overlap(rows[other], row)), None)
        if met is not None:
            raise Invalid(f"slots.{index}", f"overlaps slots.{met}")
    calendar.touch(session, chef_id)
    return [slot_view(slot) for slot in queries.replace_week(session, chef_id, rows, now)]


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    same_day = one["weekday"] == other["weekday"]
    return same_day and one["starts"] < other["ends"] and other["starts"] < one["ends"]
