"""The admins' view of a booking of any line."""

from shared.bookings.admin.queries import NamedBooking
from shared.bookings.admin.schemas import ListedBookingView


def listed_view(row: NamedBooking) -> ListedBookingView:
    booking = row.booking
    own = {name: getattr(booking, name) for name in ListedBookingView.model_fields if hasattr(booking, name)}
    starts_at = booking.busy_period.lower if booking.busy_period else None
    names = {"customer_name": row.customer_name, "provider_name": row.provider_name}
    return ListedBookingView.model_validate({**own, **names, "starts_at": starts_at})
