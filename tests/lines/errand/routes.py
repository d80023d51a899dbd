"""The customer's routes for errands: price, booking, cancellation."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field
from sqlalchemy.orm import Session

from functions import wiring
from functions.web.call import Call
from functions.web.endpoint import Routes
from functions.web.idempotency import idempotent
from shared.bookings.history import Actor
from shared.bookings.queries import BookingNotFound, locked, own_booking
from shared.bookings.schemas import BookingSummaryView
from shared.bookings.transitions import StatusChangeNotAllowed
from shared.idempotency.queries import KeyReused
from shared.kit.schemas import Body, Rupees, Text, View
from shared.sign_in.sessions import Caller
from shared.users.models import CUSTOMER
from tests.lines.errand.line import LINE
from tests.lines.errand.pricing import price
from tests.lines.errand.tables import INSERT

routes = Routes("/api/v1/errand", CUSTOMER)
REFUSED = (BookingNotFound, StatusChangeNotAllowed, KeyReused)


class ErrandRequest(Body):
    task: Text(1, 500)
    place: Text(1, 200)
    city: Text(1, 100)
    due_at: Annotated[AwareDatetime, Field(strict=False)]
    distance_km: Annotated[int, Field(ge=1, le=50)]


class CancelRequest(Body):
    reason: Text(1, 500)


class PriceView(View):
    breakdown: dict[str, Rupees]
    total: Rupees


class RefundView(View):
    refund: Rupees


@routes.post("/quotes", body=ErrandRequest, answer=PriceView)
def give_quote(call: Call, body: ErrandRequest) -> PriceView:
    """Price an errand."""
    with call.reading():
        cost = price(body.distance_km)
        return PriceView(breakdown=cost.to_row(), total=cost.total)


@routes.post(
    "/bookings", body=ErrandRequest, answer=BookingSummaryView, status=201, refuses=(KeyReused,), idempotent=True
)
def book(call: Call, body: ErrandRequest) -> BookingSummaryView:
    """Book an errand."""

    def store(session: Session, caller: Caller) -> BookingSummaryView:
        cost, time_to_pay = price(body.distance_km), timedelta(seconds=wiring.settings().unpaid_seconds)
        customer = Actor(CUSTOMER, caller.id)
        booking = LINE.book(session, customer, body.city, cost.total, cost.to_row(), time_to_pay, call.now)
        session.execute(INSERT, {"booking_id": booking.id, **body.model_dump(exclude={"city"})})
        LINE.notify(session, booking, "booked", call.now)
        return BookingSummaryView.model_validate(booking)

    return idempotent(call, store)


@routes.get("/bookings/{booking_id}/cancellation", answer=RefundView, refuses=(BookingNotFound, StatusChangeNotAllowed))
def preview_cancellation(call: Call, booking_id: UUID) -> RefundView:
    """Show the refund of cancelling an errand now."""
    with call.reading() as (session, caller):
        booking = own_booking(session, LINE.name, caller.id, booking_id)
        share = LINE.refund_bp(session, booking, call.now)
        return RefundView(refund=LINE.refund_of_cancelling(session, booking, share))


@routes.post("/bookings/{booking_id}/cancel", body=CancelRequest, answer=RefundView, refuses=REFUSED, idempotent=True)
def cancel(call: Call, booking_id: UUID, body: CancelRequest) -> RefundView:
    """Cancel an errand and refund the share of the current tier."""

    def end(session: Session, caller: Caller) -> RefundView:
        own_booking(session, LINE.name, caller.id, booking_id)
        booking = locked(session, booking_id)
        share, actor = LINE.refund_bp(session, booking, call.now), Actor(CUSTOMER, caller.id)
        return RefundView(refund=LINE.cancel(session, booking, actor, body.reason, share, call.now))

    return idempotent(call, end)
