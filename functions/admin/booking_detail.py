from uuid import UUID

from sqlalchemy.orm import Session

from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.bookings.queries import BookingNotFound
from shared.lines.home_chef.desk import queries
from shared.lines.home_chef.desk.schemas import BookingFileView
from shared.lines.home_chef.desk.views import file_view
from shared.users.models import ADMIN

routes = Routes("/api/v1/admin", ADMIN)


@routes.get("/bookings/{booking_id}", answer=BookingFileView, refuses=(BookingNotFound,))
def get_booking(call: Call, booking_id: UUID) -> BookingFileView:
    """Show all that is known of a booking: the visit, who was asked, every payment, refund and line of the ledger."""
    with call.reading() as (session, _):
        return booking_detail(session, booking_id)


def booking_detail(session: Session, booking_id: UUID) -> BookingFileView:
    """Return everything known about a booking. Raises BookingNotFound."""
    found = queries.booking_file(session, booking_id)
    if found is None:
        raise BookingNotFound
    return file_view(found)
