"""Invoices of bookings: issued at completion, credited by refunds. Source: docs/product.md#invoices."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.bookings.line import Line
from shared.bookings.models import Booking
from shared.invoices import queries as invoices
from shared.invoices.documents import Supply
from shared.invoices.models import Invoice
from shared.invoices.supplier import supplier
from shared.kit.errors import NotFound
from shared.payments import queries
from shared.payments.lifecycle import Cause


class InvoiceNotFound(NotFound):
    code = "invoice_not_found"

    def __init__(self) -> None:
        super().__init__("A booking has an invoice only once it is completed.")


def issue(session: Session, line: Line, booking: Booking, supply: Supply, now: datetime) -> None:
    """Issue the invoice of a booking that is being completed, and a credit note for each refund an admin made before.

    Call this last: it locks the series until the commit, and all other invoices of the series wait.
    """
    invoices.issue(session, line.invoice_prefix, booking.id, supplier(line.brand.name), supply, now)
    for refund in queries.refunds_of(session, booking.id):
        if refund.reason != Cause.RESCHEDULED:
            credit(session, line, booking.id, refund.id, refund.amount, now)


def credit(session: Session, line: Line, booking_id: UUID, refund_id: UUID, amount: int, now: datetime) -> None:
    """Issue the credit note of a refund (paise) if the booking has an invoice."""
    invoices.credit(session, line.credit_note_prefix, booking_id, refund_id, amount, now)


def of_customer(session: Session, customer_id: UUID, booking_id: UUID) -> list[Invoice] | None:
    """Return the invoice of a customer's own booking and its credit notes; empty before completion, None if no such booking."""
    own = (Booking.id == booking_id) & (Booking.customer_id == customer_id)
    joined = select(Invoice).select_from(Booking).outerjoin(Invoice, Invoice.booking_id == Booking.id).where(own)
    rows = session.scalars(joined.order_by(*invoices.ORDER)).all()
    return [row for row in rows if row is not None] if rows else None
