from uuid import UUID

from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.appointments.request import Overlapping
from shared.bookings.queries import BookingNotFound
from shared.idempotency.queries import KeyReused
from shared.kit.errors import Invalid
from shared.lines.home_chef import reschedule
from shared.lines.home_chef.reschedule_decision import NotReschedulable, PriceHigher
from shared.lines.home_chef.schemas import BookingView, RescheduleQuery, RescheduleRequest, RescheduleView
from shared.lines.home_chef.visit import ChefUnavailable
from shared.payments.checkout import PaymentInProgress
from shared.users.models import CUSTOMER

routes = Routes("/api/v1/customer", CUSTOMER)
NOT_MOVABLE = (
    Invalid,
    BookingNotFound,
    PaymentInProgress,
    NotReschedulable,
    PriceHigher,
    ChefUnavailable,
    Overlapping,
)


@routes.get("/bookings/{booking_id}/reschedule", query=RescheduleQuery, answer=RescheduleView, refuses=NOT_MOVABLE)
def preview_reschedule(call: Call, booking_id: UUID, query: RescheduleQuery) -> RescheduleView:
    """Show the price of a booking at another time."""
    with call.reading() as (session, caller):
        return reschedule.preview(session, caller.id, booking_id, query, call.now)


@routes.post(
    "/bookings/{booking_id}/reschedule",
    body=RescheduleRequest,
    answer=BookingView,
    refuses=(*NOT_MOVABLE, reschedule.PriceChanged, KeyReused),
    idempotent=True,
)
def reschedule_booking(call: Call, booking_id: UUID, body: RescheduleRequest) -> BookingView:
    """Reschedule a booking with the same chef, who receives a new offer."""
    return reschedule.reschedule(call.locking, booking_id, body, call.key, call.now)
