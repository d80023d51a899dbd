"""A provider's week: slots that may be adjacent and never overlap. Source: docs/product.md#slots."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from shared.appointments.providers import queries
from shared.appointments.providers.calendar import Slot
from shared.appointments.providers.schemas import SlotRequest, SlotView, slot_view
from shared.kit.errors import Invalid, NotFound, Refusal


class AvailabilityNotFound(NotFound):
    code = "availability_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such time in your week.")


class AvailabilityOverlap(Refusal):
    code, title = "availability_overlap", "The week has that time already"


def add(session: Session, provider_id: UUID, wanted: SlotRequest, now: datetime) -> SlotView:
    """Add a slot to a provider's week. Locks the provider. Raises AvailabilityOverlap with the slot it would overlap."""
    queries.lock_calendar(session, provider_id)
    slot = queries.add_slot(session, provider_id, wanted.slot(), now)
    if slot is None:
        other = slot_view(queries.overlapped_slot(session, provider_id, wanted.slot()))
        times = f"{other.day_of_week} {other.start_time} to {other.end_time}"
        raise AvailabilityOverlap(
            f"It overlaps {times}, which is in the week already.", slot=other.model_dump(mode="json")
        )
    return slot_view(slot)


def remove(session: Session, provider_id: UUID, slot_id: UUID) -> None:
    """Remove a slot of a provider's week; appointments booked in it remain. Raises AvailabilityNotFound."""
    queries.lock_calendar(session, provider_id)
    if not queries.remove_slot(session, provider_id, slot_id):
        raise AvailabilityNotFound


def replace(session: Session, provider_id: UUID, slots: Sequence[SlotRequest], now: datetime) -> list[SlotView]:
    """Replace a provider's whole week and return it in its order; appointments booked in the old one remain.

    Raises Invalid naming the entry of `slots` that overlaps one before it.
    """
    wanted = [slot.slot() for slot in slots]
    for index, slot in enumerate(wanted):
        overlapped = next((other for other in range(index) if _overlap(wanted[other], slot)), None)
        if overlapped is not None:
            raise Invalid(f"slots.{index}", f"overlaps slots.{overlapped}")
    queries.lock_calendar(session, provider_id)
    return [slot_view(slot) for slot in queries.replace_week(session, provider_id, wanted, now)]


def _overlap(one: Slot, other: Slot) -> bool:
    return one.weekday == other.weekday and one.starts < other.ends and other.starts < one.ends
