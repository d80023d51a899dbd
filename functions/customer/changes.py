from uuid import UUID

from sqlalchemy.orm import Session

from functions.customer.details import own_booking
from functions.repeated import once
from functions.web import Call, Routes
from shared.bookings.queries import BookingNotFound
from shared.idempotency.queries import KeyReused
from shared.kit.errors import Invalid
from shared.lines.home_chef import cancellation, reschedule, visits
from shared.lines.home_chef.schemas import (
    BookingView,
    CancellationView,
    CancelRequest,
    RescheduleQuery,
    RescheduleRequest,
    RescheduleView,
)
from shared.payments.checkout import PaymentInProgress
from shared.sign_in.sessions import Caller
from shared.users.models import CUSTOMER

routes = Routes("/api/v1/customer", CUSTOMER)
NOT_MOVABLE = (
    Invalid,
    BookingNotFound,
    PaymentInProgress,
    reschedule.NotReschedulable,
    reschedule.PriceHigher,
    visits.ChefUnavailable,
    visits.Overlapping,
)


@routes.get(
    "/bookings/{booking_id}/cancellation",
    answer=CancellationView,
    refuses=(BookingNotFound, cancellation.NotCancellable),
)
def preview_cancellation(call: Call, booking_id: UUID) -> CancellationView:
    """Tell what cancelling now would give back, and until when that stands."""
    with call.writing() as (session, caller):
        return CancellationView.model_validate(cancellation.preview(session, caller.id, booking_id, call.now))


@routes.post(
    "/bookings/{booking_id}/cancel",
    body=CancelRequest,
    answer=BookingView,
    refuses=(BookingNotFound, cancellation.NotCancellable, cancellation.RefundChanged, KeyReused),
    idempotent=True,
)
def cancel_booking(call: Call, booking_id: UUID, body: CancelRequest) -> BookingView:
    """Cancel a booking and refund what the preview said, to the paisa."""

    def cancel(session: Session, caller: Caller) -> BookingView:
        cancellation.cancel(session, caller.id, booking_id, body.reason, body.expected_refund, call.now)
        session.flush()
        return own_booking(session, caller.id, booking_id)

    return once(call, cancel)


@routes.get("/bookings/{booking_id}/reschedule", query=RescheduleQuery, answer=RescheduleView, refuses=NOT_MOVABLE)
def preview_reschedule(call: Call, booking_id: UUID, query: RescheduleQuery) -> RescheduleView:
    """Tell what moving a booking to another time would cost."""
    with call.writing(lock=True) as (session, caller):
        return RescheduleView.model_validate(reschedule.preview(session, caller.id, booking_id, query, call.now))


@routes.post(
    "/bookings/{booking_id}/reschedule",
    body=RescheduleRequest,
    answer=BookingView,
    refuses=(*NOT_MOVABLE, reschedule.PriceChanged, KeyReused),
    idempotent=True,
)
def reschedule_booking(call: Call, booking_id: UUID, body: RescheduleRequest) -> BookingView:
    """Move a booking to another time with the same chef, who is asked anew."""
    return reschedule.reschedule(call.locking, booking_id, body, call.key, call.now)
