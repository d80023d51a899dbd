from uuid import UUID

from functions.web.call import Call
from functions.web.endpoint import Routes
from functions.web.idempotency import idempotent
from shared.bookings.queries import BookingNotFound
from shared.idempotency.queries import KeyReused
from shared.lines.home_chef import rating
from shared.lines.home_chef.schemas import RatingRequest, RatingView
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
    return idempotent(call, lambda session, caller: rating.rate(session, caller.id, booking_id, body, call.now))
