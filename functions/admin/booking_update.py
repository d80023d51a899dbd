from uuid import UUID

from functions import wiring
from functions.admin.booking_detail import booking_detail
from functions.web.actor import with_audit
from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.appointments.request import ProviderUnavailable
from shared.bookings import queries
from shared.bookings.line import Line
from shared.bookings.queries import BookingNotFound
from shared.bookings.transitions import StatusChangeNotAllowed
from shared.kit.errors import Invalid
from shared.payments import cash
from shared.payments.admin.schemas import (
    BookingCashChange,
    BookingChange,
    BookingChefChange,
    BookingDetailView,
    BookingProviderChange,
    BookingStatusChange,
)
from shared.payments.checkout import NotPayable
from shared.users.models import ADMIN

routes = Routes("/api/v1/admin", ADMIN)


@routes.put(
    "/bookings/{booking_id}",
    body=BookingChange,
    answer=BookingDetailView,
    refuses=(BookingNotFound, NotPayable, StatusChangeNotAllowed, ProviderUnavailable, Invalid),
)
def change_booking(call: Call, booking_id: UUID, body: BookingChange) -> BookingDetailView:
    """Change a booking's provider, its status or its cash payment: one of them per request."""
    match body.root:
        case BookingCashChange() as change:
            with call.writing() as (session, caller):
                cash.change(session, wiring.line, booking_id, change.cash, call.by(caller), call.now)
        case BookingStatusChange() as change:
            begin = with_audit(call, "booking.moved", booking_id)
            _line_of(call, booking_id).change_status(begin, booking_id, change.status, change.reason, call.now)
        case BookingChefChange() as change:
            _assign(call, booking_id, change.chef_id, "chef_id")
        case BookingProviderChange() as change:
            _assign(call, booking_id, change.provider_id, "provider_id")
    with call.reading() as (session, _):
        return booking_detail(session, booking_id)


def _assign(call: Call, booking_id: UUID, provider_id: UUID | None, field: str) -> None:
    begin = with_audit(call, "booking.assigned", booking_id)
    _line_of(call, booking_id).assign(begin, booking_id, provider_id, call.now, field=field)


def _line_of(call: Call, booking_id: UUID) -> Line:
    """Return the manifest of a booking's line. Raises BookingNotFound."""
    with call.reading() as (session, _):
        return wiring.line(queries.line_of(session, booking_id))
