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
    """Add a slot to the chef's weekly availability; adjacent slots are merged, also across midnight."""
    with call.locking() as (session, caller):
        return week.add(session, caller.id, body, call.now)


@routes.delete("/availability/{slot_id}", refuses=(AvailabilityNotFound,))
def remove_availability(call: Call, slot_id: UUID) -> None:
    """Remove a slot from the chef's weekly availability; booked visits stay booked."""
    with call.locking() as (session, caller):
        week.remove(session, caller.id, slot_id)
