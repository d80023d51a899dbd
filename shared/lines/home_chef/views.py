"""The views of a visit and a chef, for each audience."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row

from shared.appointments.line import Placement
from shared.appointments.models import Appointment
from shared.appointments.providers.models import Provider, WeeklySlot
from shared.appointments.providers.schemas import SlotView, opening_view, slot_view
from shared.appointments.queries import AppointmentRow
from shared.appointments.rating import RatingView
from shared.bookings.schemas import BookingSummaryView
from shared.kit.clock import local
from shared.lines.home_chef.pricing import Breakdown
from shared.lines.home_chef.queries import BookingRow
from shared.lines.home_chef.schemas import (
    BookingView,
    BreakdownView,
    ChefBookingView,
    ChefFileView,
    ChefProfileView,
    ChefRatingView,
    FreeChefView,
    PublicChefView,
    RefundView,
    RegisteredChefView,
    VisitView,
)
from shared.lines.home_chef.visit import NAME, ZONE, VisitDetails, VisitRequest
from shared.users.models import User

if TYPE_CHECKING:
    from shared.payments.models import Refund


def booked_view(placement: Placement) -> BookingView:
    """Return the customer's view of a new visit."""
    request = placement.request
    assert isinstance(request, VisitRequest)  # noqa: S101 - made by the line
    return BookingView.model_validate(
        {
            **placement.shown(ZONE),
            "breakdown": BreakdownView.model_validate(Breakdown(**placement.price.breakdown)),
            "chef_id": placement.provider.id,
            "chef_name": placement.provider.name,
            "duration_hours": request.duration_hours,
            "guest_count": request.guest_count,
            "special_requests": request.special_requests,
        }
    )


def booking_view(row: BookingRow, refunds: "Sequence[Refund]" = ()) -> BookingView:
    return BookingView.model_validate(
        {
            **row,
            **row["details"],
            "breakdown": BreakdownView.model_validate(Breakdown(**row["breakdown"])),
            "rating": _rating_view(row),
            "refunds": [RefundView.model_validate(refund) for refund in refunds],
        }
    )


def listed_view(row: BookingRow) -> BookingView | BookingSummaryView:
    """Return the full view of a visit, or the summary of another line's booking."""
    return booking_view(row) if row["line"] == NAME else BookingSummaryView.model_validate(dict(row))


def _rating_view(row: BookingRow) -> RatingView | None:
    if row["stars"] is None:
        return None
    return RatingView(stars=row["stars"], comment=row["comment"], created_at=row["rated_at"])


def chef_booking_view(row: AppointmentRow) -> ChefBookingView:
    """Return the chef's view: area and first name until accepted, then also the address and phone number."""
    details = VisitDetails.of(row.appointment.details)
    own = ("duration_hours", "guest_count", "special_requests")
    return ChefBookingView.model_validate({**row.shown_to_provider(), **{name: getattr(details, name) for name in own}})


def visit_view(appointment: Appointment) -> VisitView:
    own = {name: getattr(appointment, name) for name in VisitView.model_fields if hasattr(appointment, name)}
    return VisitView.model_validate({**own, **appointment.details})


def profile_view(user: User, provider: Provider, slots: Sequence[WeeklySlot]) -> ChefProfileView:
    known = _of_chef(ChefProfileView.model_fields, user, provider)
    return ChefProfileView.model_validate({**known, "availability": [slot_view(slot) for slot in slots]})


def registered_chef_view(user: User, provider: Provider) -> RegisteredChefView:
    return RegisteredChefView.model_validate(_of_chef(RegisteredChefView.model_fields, user, provider))


def chef_file_view(user: User, provider: Provider, week: Sequence[SlotView]) -> ChefFileView:
    known = _of_chef(RegisteredChefView.model_fields, user, provider)
    return ChefFileView.model_validate({**known, "availability": list(week)})


def _of_chef(names: Iterable[str], user: User, provider: Provider) -> dict[str, Any]:
    return {**provider.shown(names, user), "hourly_rate": provider.rate}


def public_name(name: str | None) -> str | None:
    """Return a chef's public name: the first name and the initial of the last."""
    names = (name or "").split()
    return f"{names[0]} {names[-1][0]}." if len(names) > 1 else name


def free_chef_view(row: dict[str, Any], total: int) -> FreeChefView:
    return FreeChefView.model_validate(row | {"name": public_name(row["name"]), "total": total})


def public_chef_view(row: Row[Any]) -> PublicChefView:
    known = dict(row._mapping) | {  # noqa: SLF001 - SQLAlchemy's public way to a row's names
        "name": public_name(row.name),
        "availability": [opening_view(*slot) for slot in row.week],
        "ratings": [_public_rating(rating) for rating in row.ratings],
    }
    return PublicChefView.model_validate(known)


def _public_rating(row: dict[str, Any]) -> ChefRatingView:
    """Return a rating with only the customer's first name and only the month."""
    month = local(datetime.fromisoformat(row["created_at"]), ZONE).strftime("%Y-%m")
    first = next(iter((row["name"] or "").split()), None)
    return ChefRatingView(stars=row["stars"], comment=row["comment"], month=month, customer_name=first)
