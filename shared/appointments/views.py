"""The views of an appointment for customers and providers, in a line without views of its own."""

from shared.appointments.line import AppointmentLine, Placement
from shared.appointments.models import Appointment
from shared.appointments.queries import TIMES, AppointmentRow
from shared.appointments.schemas import CustomerAppointmentView, ProviderAppointmentView
from shared.bookings.models import Booking
from shared.bookings.schemas import BookingSummaryView


def booked_view(line: AppointmentLine, placement: Placement) -> CustomerAppointmentView:
    """Return the customer's view of a new appointment."""
    provider = {"provider_id": placement.provider.id, "provider_name": placement.provider.name}
    shown = {**placement.shown(line.time_zone), **provider, "line": line.name, "details": placement.price.details}
    return CustomerAppointmentView.model_validate(shown)


def customer_view(booking: Booking, appointment: Appointment, provider_name: str | None) -> CustomerAppointmentView:
    """Return the customer's view of an appointment."""
    of_booking = {name: getattr(booking, name) for name in (*BookingSummaryView.model_fields, "provider_id")}
    of_appointment = {name: getattr(appointment, name) for name in (*TIMES, "address", "details")}
    return CustomerAppointmentView.model_validate({**of_booking, **of_appointment, "provider_name": provider_name})


def provider_view(row: AppointmentRow) -> ProviderAppointmentView:
    """Return the provider's view of an appointment."""
    return ProviderAppointmentView.model_validate({**row.shown_to_provider(), "details": row.appointment.details})
