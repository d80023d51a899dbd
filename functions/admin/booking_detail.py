from uuid import UUID

from sqlalchemy.orm import Session

from functions import wiring
from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.bookings.queries import BookingNotFound
from shared.payments.admin import queries
from shared.payments.admin.schemas import BookingDetailView
from shared.payments.admin.views import detail_view
from shared.users.models import ADMIN

routes = Routes("/api/v1/admin", ADMIN)


@routes.get("/bookings/{booking_id}", answer=BookingDetailView, refuses=(BookingNotFound,))
def get_booking(call: Call, booking_id: UUID) -> BookingDetailView:
    """Show a booking with its line's details, offers, payments, refunds and ledger postings."""
    with call.reading() as (session, _):
        return booking_detail(session, booking_id)


def booking_detail(session: Session, booking_id: UUID) -> BookingDetailView:
    """Return a booking with its offers, payments, refunds and ledger postings. Raises BookingNotFound."""
    return detail_view(queries.booking_detail(session, wiring.line, booking_id))
