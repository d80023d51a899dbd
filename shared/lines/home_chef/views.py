"""The views of a visit and a chef, for each audience."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row

from shared.appointments.line import Placement
from shared.appointments.models import Appointment
from shared.appointments.providers.models import Provider, WeeklySlot
from shared.appointments.providers.schemas import SlotView, opening_view, slot_view
from shared.appointments.providers.views import provider_as
from shared.appointments.queries import AppointmentRow
from shared.appointments.rating import RatingView
from shared.appointments.views import booked_as, shown_to_provider
from shared.bookings.schemas import BookingSummaryView
from shared.kit.clock import local
from shared.kit.stored import Stored
from shared.lines.home_chef.pricing import Breakdown
from shared.lines.home_chef.queries import BookingRow
from shared.lines.home_chef.schemas import (
    BookingView,
    BreakdownView,
    ChefBookingView,
    ChefDetailView,
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
    return booked_as(
        BookingView,
        placement,
        ZONE,
        breakdown=BreakdownView.model_validate(Breakdown(**placement.price.breakdown)),
        chef_id=placement.provider.id,
        chef_name=placement.provider.name,
        duration_hours=request.duration_hours,
        guest_count=request.guest_count,
        special_requests=request.special_requests,
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
    own = VisitDetails.from_row(row.appointment.details).to_row()
    del own["rate"]
    return shown_to_provider(ChefBookingView, row, **own)


def visit_view(appointment: Appointment) -> VisitView:
    own = {name: getattr(appointment, name) for name in VisitView.model_fields if hasattr(appointment, name)}
    return VisitView.model_validate({**own, **appointment.details})


def profile_view(user: User, provider: Provider, slots: Sequence[WeeklySlot]) -> ChefProfileView:
    week = [slot_view(slot) for slot in slots]
    return provider_as(ChefProfileView, user, provider, hourly_rate=provider.rate, availability=week)


def registered_chef_view(user: User, provider: Provider) -> RegisteredChefView:
    return provider_as(RegisteredChefView, user, provider, hourly_rate=provider.rate)


def chef_detail_view(user: User, provider: Provider, week: Sequence[SlotView]) -> ChefDetailView:
    return provider_as(ChefDetailView, user, provider, hourly_rate=provider.rate, availability=list(week))


def public_name(name: str | None) -> str | None:
    """Return a chef's public name: the first name and the initial of the last."""
    names = (name or "").split()
    return f"{names[0]} {names[-1][0]}." if len(names) > 1 else name


@dataclass(frozen=True)
class FreeChef(Stored):
    """A chef who is free, as a statement found them: rate in paise an hour, score in millionths of a star."""

    id: str
    name: str | None
    bio: str | None
    specialties: list[str]
    experience_years: int
    rating: float | None
    rating_count: int
    total_bookings: int
    hourly_rate: int
    score: int


def free_chef_view(chef: FreeChef, total: int) -> FreeChefView:
    """Return a free chef as a customer sees them; `total` is the price of the visit, in paise."""
    own = {name: getattr(chef, name) for name in FreeChefView.model_fields if hasattr(chef, name)}
    return FreeChefView.model_validate({**own, "name": public_name(chef.name), "total": total})


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
