"""An appointment as customers and providers see it, in the neutral views or in a line's own."""

from typing import TypeVar

from shared.appointments.line import AppointmentLine, Placement
from shared.appointments.models import Appointment
from shared.appointments.queries import AppointmentRow
from shared.appointments.schemas import CustomerAppointmentView, ProviderAppointmentView
from shared.bookings.lifecycle import Acceptance, PaymentStatus, Status
from shared.bookings.models import Booking
from shared.bookings.schemas import BookingSummaryView
from shared.kit.schemas import View

TIMES = ("booking_date", "time_slot", "starts_at", "ends_at", "time_zone")
AREA_ONLY = ("city", "pincode")  # what a provider sees of an address before accepting
Shown = TypeVar("Shown", bound=View)


def booked_view(line: AppointmentLine, placement: Placement) -> CustomerAppointmentView:
    """Return an appointment that was just booked as its customer sees it."""
    provider = placement.provider
    return booked_as(
        CustomerAppointmentView,
        placement,
        line.time_zone,
        line=line.name,
        provider_id=provider.id,
        provider_name=provider.name,
        details=placement.price.details.to_row(),
    )


def booked_as(view: type[Shown], placement: Placement, zone: str, **own: object) -> Shown:
    """Return an appointment that was just booked in a line's view, with the line's own fields."""
    request = placement.request
    common = {
        "id": placement.id,
        "ref": placement.ref,
        "status": Status.PENDING,
        "payment_status": PaymentStatus.PENDING,
        "acceptance": Acceptance.AWAITING,
        "total": placement.price.total,
        "booking_date": request.booking_date,
        "time_slot": request.time_slot,
        "starts_at": request.starts_at,
        "ends_at": request.ends_at,
        "time_zone": zone,
        "address": placement.context.address,
        "pay_by": placement.pay_by,
        "cancellation_reason": None,
        "created_at": placement.now,
    }
    return view.model_validate(common | own)


def customer_view(booking: Booking, appointment: Appointment, provider_name: str | None) -> CustomerAppointmentView:
    """Return the customer's view of an appointment."""
    of_booking = {name: getattr(booking, name) for name in (*BookingSummaryView.model_fields, "provider_id")}
    of_appointment = {name: getattr(appointment, name) for name in (*TIMES, "address", "details")}
    return CustomerAppointmentView.model_validate({**of_booking, **of_appointment, "provider_name": provider_name})


def provider_view(row: AppointmentRow) -> ProviderAppointmentView:
    """Return an appointment as its provider sees it."""
    return shown_to_provider(ProviderAppointmentView, row, details=row.appointment.details)


def shown_to_provider(view: type[Shown], row: AppointmentRow, **own: object) -> Shown:
    """Return an appointment in a line's view for its provider, with the line's own fields.

    The provider sees area and first name until they accept, then the address and the number.
    """
    booking, appointment, accepted = row.booking, row.appointment, row.booking.acceptance == Acceptance.ACCEPTED
    address, name = appointment.address, row.customer.name
    common = {
        **{
            name: getattr(booking, name)
            for name in ("id", "ref", "status", "payment_status", "acceptance", "created_at")
        },
        **{name: getattr(appointment, name) for name in ("earning", *TIMES)},
        "customer_name": name if accepted or name is None else name.split()[0],
        "customer_phone": row.customer.phone if accepted else None,
        "address": address if accepted else {name: address[name] for name in AREA_ONLY},
        "offer_expires_at": row.offer.expires_at if row.offer and not accepted else None,
    }
    return view.model_validate(common | own)
