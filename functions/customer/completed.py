from uuid import UUID

from functions.repeated import once
from functions.web import Call, Routes
from shared.bookings.queries import BookingNotFound
from shared.idempotency.queries import KeyReused
from shared.invoices import page
from shared.invoices.schemas import InvoiceView, invoice_view
from shared.lines.home_chef import invoicing, rating
from shared.lines.home_chef.schemas import RatingRequest, RatingView
from shared.users.models import CUSTOMER

routes = Routes("/api/v1/customer", CUSTOMER)


@routes.get(
    "/bookings/{booking_id}/invoice",
    answer=InvoiceView,
    page=page.html,
    refuses=(BookingNotFound, invoicing.InvoiceNotFound),
)
def get_invoice(call: Call, booking_id: UUID) -> InvoiceView:
    """Show the invoice of a completed booking with its credit notes, as a page to print where one is asked for."""
    with call.reading() as (session, caller):
        issued = invoicing.of_customer(session, caller.id, booking_id)
        if issued is None:
            raise BookingNotFound
        if not issued:
            raise invoicing.InvoiceNotFound
        return invoice_view(issued)


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
    return once(call, lambda session, caller: rating.rate(session, caller.id, booking_id, body, call.now))
