from uuid import UUID

from sqlalchemy.orm import Session

from functions.web.call import Call
from functions.web.endpoint import Routes
from functions.web.idempotency import idempotent
from shared.appointments import rating
from shared.appointments.rating import RatingRequest, RatingView
from shared.bookings.queries import BookingNotFound
from shared.idempotency.queries import KeyReused
from shared.lines.home_chef.visit import NAME
from shared.sign_in.sessions import Caller
from shared.users.models import CUSTOMER

routes = Routes("/api/v1/customer", CUSTOMER)


@routes.post(
    "/bookings/{booking_id}/rating",
    body=RatingRequest,
    answer=RatingView,
    status=201,
    refuses=(BookingNotFound, rating.NotCompleted, rating.AlreadyRated, KeyReused),
    idempotent=True,
)
def rate_booking(call: Call, booking_id: UUID, body: RatingRequest) -> RatingView:
    """Rate a completed visit, once."""

    def rate(session: Session, caller: Caller) -> RatingView:
        return rating.rate(session, NAME, caller.id, booking_id, body, call.now)

    return idempotent(call, rate)
