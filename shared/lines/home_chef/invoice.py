"""The invoice of a completed visit: its supply, at the booked price. Source: docs/product.md#invoices."""

from shared.appointments.completion import supply_of
from shared.appointments.models import Appointment
from shared.bookings.models import Booking
from shared.invoices.documents import Component, Line, Supply
from shared.kit.money import format_rupees
from shared.lines.home_chef.pricing import Breakdown
from shared.lines.home_chef.visit import VisitDetails

# Codes of services: contract food services, and support services for the platform's part.
SERVICE_SAC, FEE_SAC = "996337", "998599"


def supply(booking: Booking, appointment: Appointment, customer_name: str | None) -> Supply:
    """Return the supply of a visit; each component's CGST and SGST sum to the breakdown's."""
    price, details = Breakdown(**booking.breakdown), VisitDetails.from_row(appointment.details)
    cgst = price.gst_service // 2
    lines = [
        Line(f"{details.duration_hours} h at {format_rupees(details.rate)} an hour", price.base),
        Line(f"Surcharge for {details.guest_count} guests", price.guest_surcharge),
        Line("Evening premium", price.peak_premium),
    ]
    shown = tuple(line for line in lines if line.amount)
    fee = (Line("Platform fee", price.platform_fee),)
    return supply_of(
        booking,
        appointment,
        customer_name,
        Component("Chef at home", SERVICE_SAC, shown, cgst, price.gst_service - cgst),
        Component("Platform", FEE_SAC, fee, price.cgst - cgst, price.sgst - (price.gst_service - cgst)),
    )
