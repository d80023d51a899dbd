from uuid import UUID

from sqlalchemy.orm import Session

from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.bookings.queries import BookingNotFound
from shared.lines.home_chef import queries
from shared.lines.home_chef.schemas import BookingView
from shared.lines.home_chef.views import booking_view
from shared.users.models import CUSTOMER

routes = Routes("/api/v1/customer", CUSTOMER)


@routes.get("/bookings/{booking_id}", answer=BookingView, etag=True, refuses=(BookingNotFound,))
def get_booking(call: Call, booking_id: UUID) -> BookingView:
    """Show one of the customer's bookings, with its refunds."""
    with call.reading_piggybacked() as (session, caller):
        return own_booking(session, caller.id, booking_id)


def own_booking(session: Session, customer_id: UUID, booking_id: UUID) -> BookingView:
    """Return the customer's view of their booking. Raises BookingNotFound."""
    return booking_view(*queries.of_customer(session, customer_id, booking_id))
