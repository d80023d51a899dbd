from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.kit.paging import PageQuery
from shared.lines.home_chef import queries
from shared.lines.home_chef.schemas import BookingPage
from shared.lines.home_chef.views import listed_view
from shared.users.models import CUSTOMER

routes = Routes("/api/v1/customer", CUSTOMER)


@routes.get("/bookings", query=PageQuery, answer=BookingPage)
def list_bookings(call: Call, query: PageQuery) -> BookingPage:
    """List the customer's bookings of all lines, the newest first."""
    with call.reading_piggybacked() as (session, caller):
        rows, cursor = queries.list_of_customer(session, caller.id, query)
        return BookingPage(items=[listed_view(row) for row in rows], next_cursor=cursor)
