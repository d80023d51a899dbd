"""The admins' view of a booking of any line."""

from typing import Any

from shared.bookings.admin.queries import NamedBooking
from shared.bookings.admin.schemas import ListedBookingView


def listed_fields(row: NamedBooking) -> dict[str, Any]:
    """Return the fields of ListedBookingView; amounts are paise."""
    booking = row.booking
    own = {name: getattr(booking, name) for name in ListedBookingView.model_fields if hasattr(booking, name)}
    return {
        **own,
        "customer_name": row.customer_name,
        "provider_name": row.provider_name,
        "starts_at": booking.busy_period.lower if booking.busy_period else None,
    }


def listed_view(row: NamedBooking) -> ListedBookingView:
    return ListedBookingView.model_validate(listed_fields(row))
