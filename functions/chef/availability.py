from uuid import UUID

from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.appointments.providers import week
from shared.appointments.providers.schemas import SlotRequest, SlotView
from shared.appointments.providers.week import AvailabilityNotFound, AvailabilityOverlap
from shared.lines.home_chef.visit import CHEF

routes = Routes("/api/v1/chef", CHEF)


@routes.post("/availability", body=SlotRequest, answer=SlotView, status=201, refuses=(AvailabilityOverlap,))
def add_availability(call: Call, body: SlotRequest) -> SlotView:
    """Add a part to the chef's week; adjacent slots are one, also at midnight."""
    with call.locking() as (session, caller):
        return week.add(session, caller.id, body, call.now)


@routes.delete("/availability/{slot_id}", refuses=(AvailabilityNotFound,))
def remove_availability(call: Call, slot_id: UUID) -> None:
    """Take a part out of the chef's week; visits that are booked stand."""
    with call.locking() as (session, caller):
        week.remove(session, caller.id, slot_id)
