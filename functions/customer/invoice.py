from uuid import UUID

from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.bookings.queries import BookingNotFound
from shared.invoices import page
from shared.invoices.schemas import InvoiceView, invoice_view
from shared.payments import invoicing
from shared.users.models import CUSTOMER

routes = Routes("/api/v1/customer", CUSTOMER)


@routes.get(
    "/bookings/{booking_id}/invoice",
    answer=InvoiceView,
    page=page.html,
    refuses=(BookingNotFound, invoicing.InvoiceNotFound),
)
def get_invoice(call: Call, booking_id: UUID) -> InvoiceView:
    """Show the invoice of a completed booking with its credit notes, as JSON or as a page to print."""
    with call.reading() as (session, caller):
        issued = invoicing.of_customer(session, caller.id, booking_id)
        if issued is None:
            raise BookingNotFound
        if not issued:
            raise invoicing.InvoiceNotFound
        return invoice_view(issued)
