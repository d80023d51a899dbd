from uuid import UUID

from functions import wiring
from functions.web.actor import with_actor
from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.bookings.queries import BookingNotFound
from shared.lines.home_chef import steps
from shared.lines.home_chef.lifecycle import CHEF
from shared.lines.home_chef.offers import OfferGone, StepNotAllowed
from shared.lines.home_chef.schemas import ChefBookingView, StatusChange
from shared.lines.home_chef.starting import TooEarly
from shared.lines.home_chef.views import chef_booking_view

routes = Routes("/api/v1/chef", CHEF)


@routes.put(
    "/bookings/{booking_id}/status",
    body=StatusChange,
    answer=ChefBookingView,
    refuses=(BookingNotFound, StepNotAllowed, OfferGone, TooEarly),
)
def change_status(call: Call, booking_id: UUID, body: StatusChange) -> ChefBookingView:
    """Accept (`confirmed`), decline, start, complete or cancel a visit; a step its state does not allow names the states."""
    window = wiring.settings().start_window_minutes
    row = steps.by_chef(with_actor(call), booking_id, body.status, body.reason, window, call.now)
    return chef_booking_view(row)
