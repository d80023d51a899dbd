from uuid import UUID

from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.appointments import queries
from shared.bookings.queries import BookingNotFound
from shared.kit.paging import PageView
from shared.lines.home_chef.schemas import ChefBookingQuery, ChefBookingView
from shared.lines.home_chef.views import chef_booking_view
from shared.lines.home_chef.visit import CHEF

routes = Routes("/api/v1/chef", CHEF)


@routes.get("/bookings", query=ChefBookingQuery, answer=PageView[ChefBookingView])
def list_bookings(call: Call, query: ChefBookingQuery) -> PageView[ChefBookingView]:
    """List the chef's visits, the newest first."""
    with call.reading() as (session, caller):
        rows, cursor = queries.list_of_provider(session, caller.id, query, query.status)
        return PageView(items=[chef_booking_view(row) for row in rows], next_cursor=cursor)


@routes.get("/bookings/{booking_id}", answer=ChefBookingView, etag=True, refuses=(BookingNotFound,))
def get_booking(call: Call, booking_id: UUID) -> ChefBookingView:
    """Show one of the chef's visits: area and first name until accepted, then address and phone."""
    with call.reading() as (session, caller):
        return chef_booking_view(queries.of_provider(session, caller.id, booking_id))
