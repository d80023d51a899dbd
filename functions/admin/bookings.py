from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.bookings.admin import queries as bookings
from shared.bookings.admin.schemas import BookingsQuery, ListedBookingView
from shared.bookings.admin.views import listed_view
from shared.kit.paging import PageView
from shared.users.models import ADMIN

routes = Routes("/api/v1/admin", ADMIN)


@routes.get("/bookings", query=BookingsQuery, answer=PageView[ListedBookingView])
def list_bookings(call: Call, query: BookingsQuery) -> PageView[ListedBookingView]:
    """Search the bookings of all lines, the newest first."""
    with call.reading() as (session, _):
        rows, cursor = bookings.list_for_admins(session, query)
        return PageView(items=[listed_view(row) for row in rows], next_cursor=cursor)
