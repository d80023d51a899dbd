"""The bodies and views of every line with appointments; a line's own bodies and views derive from these.

Amounts are rupees on the wire, times of day are local.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from shared.appointments.lifecycle import ProviderAction
from shared.bookings.lifecycle import Acceptance, PaymentStatus, Status
from shared.bookings.schemas import BookingSummaryView
from shared.kit.schemas import Body, Day, Id, Rupees, RupeesIn, Text, TimeSlot, View


class AppointmentBody(Body):
    """An appointment to be booked; a line adds its own fields."""

    address_id: Id
    booking_date: Day
    time_slot: TimeSlot
    provider_id: Id | None = None


class CancellationView(View):
    """The refund of cancelling now; `valid_until` null: until a provider accepts."""

    refund: Rupees
    valid_until: datetime | None


class CancelRequest(Body):
    """The reason, and the refund that was shown: if it has changed since, nothing is cancelled."""

    reason: Text(1, 500)  # type: ignore[valid-type]
    expected_refund: RupeesIn | None = None


class StatusChange(Body):
    """A provider's action on a booking; `confirmed` accepts it."""

    status: ProviderAction
    reason: Text(1, 500) | None = None  # type: ignore[valid-type]


class PlaceView(View):
    """The address of an appointment at the time of booking; the provider sees it in full only once accepted."""

    label: str | None = None
    full_address: str | None = None
    city: str
    state: str | None = None
    pincode: str | None = None
    latitude: float | None = None
    longitude: float | None = None


class AppointmentView(View):
    """The fields that only an appointment adds to its booking; a line adds its details by name."""

    booking_date: date
    time_slot: TimeSlot
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    address: PlaceView
    earning: Rupees
    cancellation: dict[str, Any]
    provider_changed_at: datetime | None
    rescheduled: int
    started_at: datetime | None
    completed_at: datetime | None


class CustomerAppointmentView(BookingSummaryView):
    """An appointment as its customer sees it, in a line that has no view of its own."""

    provider_id: UUID | None
    provider_name: str | None
    booking_date: date
    time_slot: TimeSlot
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    address: PlaceView
    details: dict[str, Any]


class ProviderAppointmentView(View):
    """An appointment as its provider sees it: customer and address in full only once accepted."""

    id: UUID
    ref: str
    status: Status
    payment_status: PaymentStatus
    acceptance: Acceptance
    earning: Rupees
    customer_name: str | None
    customer_phone: str | None
    booking_date: date
    time_slot: TimeSlot
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    address: PlaceView
    offer_expires_at: datetime | None
    created_at: datetime
    details: dict[str, Any]
