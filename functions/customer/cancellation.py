from uuid import UUID

from sqlalchemy.orm import Session

from functions.customer.details import own_booking
from functions.web.call import Call
from functions.web.endpoint import Routes
from functions.web.idempotency import idempotent
from shared.appointments import cancellation
from shared.appointments.schemas import CancelRequest
from shared.bookings.queries import BookingNotFound
from shared.idempotency.queries import KeyReused
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.schemas import BookingView, CancellationView
from shared.sign_in.sessions import Caller
from shared.users.models import CUSTOMER

routes = Routes("/api/v1/customer", CUSTOMER)


@routes.get(
    "/bookings/{booking_id}/cancellation",
    answer=CancellationView,
    refuses=(BookingNotFound, cancellation.NotCancellable),
)
def preview_cancellation(call: Call, booking_id: UUID) -> CancellationView:
    """Show the refund for cancelling now, and until when it is valid."""
    with call.reading() as (session, caller):
        return CancellationView.model_validate(cancellation.preview(session, LINE, caller.id, booking_id, call.now))


@routes.post(
    "/bookings/{booking_id}/cancel",
    body=CancelRequest,
    answer=BookingView,
    refuses=(BookingNotFound, cancellation.NotCancellable, cancellation.RefundChanged, KeyReused),
    idempotent=True,
)
def cancel_booking(call: Call, booking_id: UUID, body: CancelRequest) -> BookingView:
    """Cancel a booking and refund exactly the previewed amount."""

    def cancel(session: Session, caller: Caller) -> BookingView:
        cancellation.cancel(session, LINE, caller.id, booking_id, body.reason, body.expected_refund, call.now)
        session.flush()
        return own_booking(session, caller.id, booking_id)

    return idempotent(call, cancel)
