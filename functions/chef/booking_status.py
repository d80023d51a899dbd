from uuid import UUID

from functions import wiring
from functions.web.actor import with_actor
from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.appointments import status_changes
from shared.appointments.offers import OfferGone
from shared.appointments.status_changes import TooEarly
from shared.bookings.queries import BookingNotFound
from shared.bookings.transitions import StatusChangeNotAllowed
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.schemas import ChefBookingView, StatusChange
from shared.lines.home_chef.views import chef_booking_view
from shared.lines.home_chef.visit import CHEF

routes = Routes("/api/v1/chef", CHEF)


@routes.put(
    "/bookings/{booking_id}/status",
    body=StatusChange,
    answer=ChefBookingView,
    refuses=(BookingNotFound, StatusChangeNotAllowed, OfferGone, TooEarly),
)
def change_status(call: Call, booking_id: UUID, body: StatusChange) -> ChefBookingView:
    """Accept (`confirmed`), decline, start, complete or cancel a visit; a refused change names the allowed states."""
    window = wiring.settings().start_window_minutes
    row = status_changes.by_provider(with_actor(call), LINE, booking_id, body.status, body.reason, window, call.now)
    return chef_booking_view(row)
