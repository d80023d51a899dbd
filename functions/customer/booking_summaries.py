from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.bookings import queries
from shared.bookings.schemas import BookingSummaryView
from shared.kit.paging import PageQuery, PageView
from shared.users.models import CUSTOMER

routes = Routes("/api/v1/customer", CUSTOMER)


@routes.get("/bookings", query=PageQuery, answer=PageView[BookingSummaryView])
def list_bookings(call: Call, query: PageQuery) -> PageView[BookingSummaryView]:
    """List the customer's bookings of all lines, the newest first, unless a line replaces this list with its own."""
    with call.reading_piggybacked() as (session, caller):
        rows, cursor = queries.list_of_customer(session, caller.id, query)
        items = [BookingSummaryView.model_validate(row) for row in rows]
        return PageView(items=items, next_cursor=cursor)
