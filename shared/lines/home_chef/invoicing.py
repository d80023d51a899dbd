"""What a completed visit was, as its invoice says it (PRODUCT, "Money")."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.bookings.models import Booking
from shared.invoices import queries as invoices
from shared.invoices.documents import Component, Line, Supply
from shared.invoices.models import Invoice
from shared.invoices.supplier import supplier
from shared.kit.errors import NotFound
from shared.kit.money import in_words
from shared.lines.home_chef.models import Visit
from shared.lines.home_chef.pricing import Breakdown
from shared.payments import queries as payments
from shared.payments.lifecycle import Cause
from shared.users.models import User

# Codes of services: contract food services, and support services for the platform's part.
SERVICE_SAC, FEE_SAC = "996337", "998599"


class InvoiceNotFound(NotFound):
    code = "invoice_not_found"

    def __init__(self) -> None:
        super().__init__("A booking has its invoice once it is completed.")


def issue(session: Session, booking: Booking, visit: Visit, now: datetime) -> None:
    """Issue the invoice of a booking that is being completed, and a credit note for what an admin gave back before.

    Every other invoice waits until the commit.
    """
    customer = session.get_one(User, booking.customer_id)
    invoices.issue(session, booking.id, supplier(), supply(booking, visit, customer.name), now)
    for refund in payments.given_back(session, booking.id):
        if refund.reason != Cause.RESCHEDULED:
            invoices.credit(session, booking.id, refund.id, refund.amount, now)


def of_customer(session: Session, customer_id: UUID, booking_id: UUID) -> list[Invoice] | None:
    """Return the invoice of a customer's own booking and its credit notes, empty before the completion; None: no booking."""
    own = (Booking.id == booking_id) & (Booking.customer_id == customer_id)
    joined = select(Invoice).select_from(Booking).outerjoin(Invoice, Invoice.booking_id == Booking.id).where(own)
    rows = session.scalars(joined.order_by(*invoices.ORDER)).all()
    return [row for row in rows if row is not None] if rows else None


def supply(booking: Booking, visit: Visit, customer: str | None) -> Supply:
    """Return what was supplied, its price as it was booked; each component's CGST and SGST sum to the breakdown's."""
    price = Breakdown(**booking.breakdown)
    cgst = price.gst_service // 2
    lines = [
        Line(f"{visit.duration_hours} h at {in_words(visit.rate)} an hour", price.base),
        Line(f"Surcharge for {visit.guest_count} guests", price.guest_surcharge),
        Line("Evening premium", price.peak_premium),
    ]
    shown = tuple(line for line in lines if line.amount)
    fee = (Line("Platform fee", price.platform_fee),)
    place = visit.address
    return Supply(
        booking_ref=booking.ref,
        supplied_on=visit.booking_date,
        customer=customer,
        address=f"{place['full_address']}, {place['city']} {place['pincode']}",
        place_of_supply=place["state"] or place["city"],
        components=(
            Component("Chef at home", SERVICE_SAC, shown, cgst, price.gst_service - cgst),
            Component("Platform", FEE_SAC, fee, price.cgst - cgst, price.sgst - (price.gst_service - cgst)),
        ),
    )
