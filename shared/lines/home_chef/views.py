"""A booking as each audience sees it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.bookings.lifecycle import Answer, PaymentStatus, Status
from shared.bookings.models import Booking
from shared.lines.home_chef.models import Visit
from shared.lines.home_chef.pricing import Breakdown
from shared.lines.home_chef.queries import BookingRow, ChefBookingRow
from shared.lines.home_chef.schemas import (
    BookingView,
    BreakdownView,
    ChefBookingView,
    PlaceView,
    RatingView,
    RefundView,
)

if TYPE_CHECKING:
    from shared.payments.models import Refund

AREA_ONLY = {"city", "pincode"}  # what a chef knows of an address before accepting


def _states(booking: Booking) -> dict[str, object]:
    return {
        "status": Status(booking.status),
        "payment_status": PaymentStatus(booking.payment_status),
        "answer": Answer(booking.answer),
    }


def _visit(visit: Visit) -> dict[str, object]:
    names = ("booking_date", "time_slot", "starts_at", "ends_at", "time_zone", "duration_hours", "guest_count")
    return {name: getattr(visit, name) for name in (*names, "special_requests")}


def booking_view(row: BookingRow, refunds: "Sequence[Refund]" = ()) -> BookingView:
    return BookingView.model_validate(
        {
            **row,
            "breakdown": BreakdownView.model_validate(Breakdown(**row["breakdown"])),
            "rating": _rating(row),
            "refunds": [RefundView.model_validate(refund) for refund in refunds],
        }
    )


def _rating(row: BookingRow) -> RatingView | None:
    if row["stars"] is None:
        return None
    return RatingView(stars=row["stars"], comment=row["comment"], created_at=row["rated_at"])


def chef_booking_view(row: ChefBookingRow) -> ChefBookingView:
    """Area and first name until the chef has accepted; then the address and the number."""
    booking, accepted = row.booking, row.booking.answer == Answer.ACCEPTED
    place = row.visit.address if accepted else {name: row.visit.address[name] for name in AREA_ONLY}
    name = row.customer.name
    return ChefBookingView.model_validate(
        {
            **_states(booking),
            **_visit(row.visit),
            "id": booking.id,
            "ref": booking.ref,
            "earning": row.visit.earning,
            "customer_name": name if accepted or name is None else name.split()[0],
            "customer_phone": row.customer.phone if accepted else None,
            "address": PlaceView(**place),
            "offer_expires_at": row.offer.expires_at if row.offer and not accepted else None,
            "created_at": booking.created_at,
        }
    )
