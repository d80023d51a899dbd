"""The bodies and views of this line; amounts are rupees on the wire, times of day are local."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from shared.appointments import schemas
from shared.appointments.providers.schemas import OpeningView, ProviderRegistration, SlotView, Years
from shared.appointments.rating import RatingView
from shared.appointments.schemas import AppointmentView, PlaceView
from shared.bookings.lifecycle import Acceptance, PaymentStatus, Status
from shared.bookings.schemas import BookingSummaryView
from shared.kit.contact import Phone
from shared.kit.paging import PageQuery, PageView
from shared.kit.schemas import Body, Day, Id, Query, QueryDay, Rupees, RupeesIn, Text, TimeSlot, View, Whole
from shared.payments.lifecycle import RefundState
from shared.places.schemas import City, Pincode

Hours = Annotated[int, Field(ge=1, le=8), Whole]
Guests = Annotated[int, Field(ge=1, le=20), Whole]
VISIT_FIELDS = ("address_id", "booking_date", "time_slot")


class QuoteRequest(Body):
    """A visit to be priced."""

    address_id: Id
    booking_date: Day
    time_slot: TimeSlot
    duration_hours: Hours = 2
    guest_count: Guests = 2
    special_requests: Text(1, 1000) | None = None  # type: ignore[valid-type]
    chef_id: Id | None = None


class BookingRequest(Body):
    """A visit to be booked, or the quote of one: `quote_id` alone, or the visit's own fields."""

    quote_id: Id | None = None
    address_id: Id | None = None
    booking_date: Day | None = None
    time_slot: TimeSlot | None = None
    duration_hours: Hours = 2
    guest_count: Guests = 2
    special_requests: Text(1, 1000) | None = None  # type: ignore[valid-type]
    chef_id: Id | None = None

    @model_validator(mode="after")
    def one_or_the_other(self) -> Self:
        given = self.model_fields_set - {"quote_id"}
        if self.quote_id is not None and given:
            raise ValueError("a quote already names the visit: send quote_id alone")
        missing = [name for name in VISIT_FIELDS if getattr(self, name) is None]
        if self.quote_id is None and missing:
            raise ValueError(f"missing: {', '.join(missing)} (or quote_id)")
        return self

    def visit(self) -> QuoteRequest:
        """Return the visit's own fields; call it only for a body without a quote."""
        return QuoteRequest.model_construct(**{name: getattr(self, name) for name in QuoteRequest.model_fields})


class BreakdownView(View):
    """Every line of a price, in rupees."""

    base: Rupees
    guest_surcharge: Rupees
    peak_premium: Rupees
    subtotal: Rupees
    platform_fee: Rupees
    gst: Rupees
    cgst: Rupees
    sgst: Rupees
    total: Rupees


class QuoteView(View):
    id: UUID
    total: Rupees
    breakdown: BreakdownView
    chef_id: UUID | None
    expires_at: datetime


class RefundView(View):
    amount: Rupees
    state: RefundState
    reason: str
    created_at: datetime
    done_at: datetime | None


class BookingView(View):
    """A booking as its customer sees it."""

    id: UUID
    ref: str
    status: Status
    payment_status: PaymentStatus
    acceptance: Acceptance
    total: Rupees
    breakdown: BreakdownView
    chef_id: UUID | None
    chef_name: str | None = None
    booking_date: date
    time_slot: TimeSlot
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    duration_hours: int
    guest_count: int
    special_requests: str | None
    address: PlaceView
    pay_by: datetime | None
    cancellation_reason: str | None
    created_at: datetime
    rating: RatingView | None = None
    refunds: list[RefundView] = Field(default_factory=list)


class BookingPage(PageView[BookingView | BookingSummaryView]):
    """A page of a customer's bookings; bookings of other lines have only the common fields."""


class ChefBookingView(View):
    """A booking as its chef sees it: customer and address in full only once accepted."""

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
    duration_hours: int
    guest_count: int
    special_requests: str | None
    address: PlaceView
    offer_expires_at: datetime | None
    created_at: datetime


class VisitView(AppointmentView):
    """The fields that only a chef's visit adds to its booking, as an admin sees it."""

    duration_hours: int
    guest_count: int
    special_requests: str | None
    rate: Rupees


class CancellationView(schemas.CancellationView):
    """The refund of cancelling now; `valid_until` null: until a chef accepts."""


class RescheduleQuery(Query):
    """A possible new time of a visit."""

    booking_date: QueryDay
    time_slot: TimeSlot


class RescheduleView(View):
    """The price at a new time: the new total, its difference from the present one, and the refund."""

    total: Rupees
    difference: Rupees
    refund: Rupees


class RescheduleRequest(Body):
    """The new time of a visit, and the total that was shown: if it has changed since, nothing is moved."""

    booking_date: Day
    time_slot: TimeSlot
    expected_total: RupeesIn | None = None


class StatusChange(schemas.StatusChange):
    """A chef's action on a booking; `confirmed` accepts it."""


class ChefBookingQuery(PageQuery):
    status: Status | None = None


def _whole_rupees(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise ValueError("must be a whole number of rupees")
    return int(value) * 100


HourlyRate = Annotated[
    int,
    BeforeValidator(_whole_rupees),
    Field(ge=100_00, le=5_000_00),
    WithJsonSchema({"type": "integer", "minimum": 100, "maximum": 5000, "examples": [399]}),
]


class ChefProfileChange(Body):
    """A chef's change of their own profile: an absent field is unchanged, null clears a text. The rate is whole rupees an hour."""

    name: Text(1, 100) | None = None  # type: ignore[valid-type]
    phone: Phone | None = None
    bio: Text(1, 2000) | None = None  # type: ignore[valid-type]
    specialties: Annotated[list[Text(1, 50)], Field(max_length=20)] = Field(default_factory=list)  # type: ignore[valid-type]
    experience_years: Years = 0
    rate: HourlyRate = Field(399_00, alias="hourly_rate")
    is_available: bool = True
    service_city: Text(1, 100) | None = None  # type: ignore[valid-type]


class ChefRegistration(ProviderRegistration):
    """A user to register as a chef, by the email address they sign in with; only verified chefs get offers."""

    rate: HourlyRate = Field(399_00, alias="hourly_rate", json_schema_extra={"default": 399})  # rupees on the wire


class ChefChange(Body):
    """An admin's change of a chef: an absent field is unchanged, null clears a text; `is_active: true` reactivates."""

    name: Text(1, 100) = ""  # type: ignore[valid-type]
    phone: Phone | None = None
    bio: Text(1, 2000) | None = None  # type: ignore[valid-type]
    specialties: Annotated[list[Text(1, 50)], Field(max_length=20)] = Field(default_factory=list)  # type: ignore[valid-type]
    experience_years: Years = 0
    rate: HourlyRate = Field(399_00, alias="hourly_rate")
    is_available: bool = True
    service_city: Text(1, 100) | None = None  # type: ignore[valid-type]
    is_verified: bool = True
    verification_reference: Text(1, 200) | None = None  # type: ignore[valid-type]
    is_active: Literal[True] = True


class _ChefView(View):
    """The fields of every view of a chef."""

    id: UUID
    name: str | None
    bio: str | None
    specialties: list[str]
    experience_years: int
    rating: float | None
    total_bookings: int
    hourly_rate: Rupees


class ChefProfileView(_ChefView):
    """A chef's own profile with the week they work."""

    email: str | None
    phone: str | None
    is_available: bool
    is_verified: bool
    service_city: str | None
    availability: list[SlotView]


class RegisteredChefView(_ChefView):
    """A chef as an admin sees them, with the verifier, the time and the document of verification."""

    email: str | None
    phone: str | None
    rating_count: int
    is_available: bool
    service_city: str | None
    is_verified: bool
    verified_at: datetime | None
    verified_by: UUID | None
    verification_reference: str | None
    is_active: bool
    created_at: datetime


class ChefDetailView(RegisteredChefView):
    """A chef as an admin sees them, with the week they work."""

    availability: list[SlotView]


class FreeChefView(_ChefView):
    """A chef who is free for the visit, and its price with them; the last name is only an initial."""

    rating_count: int
    total: Rupees


class ChefRatingView(View):
    """A customer's rating of a visit; `month` is YYYY-MM."""

    stars: int
    comment: str | None
    month: str
    customer_name: str | None


class PublicChefView(_ChefView):
    """A chef as customers see them, with the week they work and the newest ratings."""

    rating_count: int
    availability: list[OpeningView]
    ratings: list[ChefRatingView]


class FreeChefsQuery(PageQuery):
    """A visit to find a chef for: at one of the customer's addresses, or anywhere in a city."""

    address_id: Id | None = None
    city: City | None = None
    pincode: Pincode | None = None
    booking_date: QueryDay
    time_slot: TimeSlot
    duration_hours: Hours = 2
    guest_count: Guests = 2

    @model_validator(mode="after")
    def one_place(self) -> Self:
        if (self.address_id is None) == (self.city is None):
            raise ValueError("send address_id or city")
        if self.address_id is not None and self.pincode is not None:
            raise ValueError("an address has its own pincode")
        return self

    def visit(self) -> QuoteRequest:
        """Return the visit as a quote request; it lacks the address if only a city was sent."""
        values = {name: getattr(self, name) for name in QuoteRequest.model_fields.keys() & type(self).model_fields}
        return QuoteRequest.model_construct(**values)


class FreeTimesQuery(Query):
    address_id: Id
    booking_date: QueryDay
    duration_hours: Hours = 2
    chef_id: Id | None = None


class FreeTimesView(View):
    """The local times of one day at which a visit can start."""

    booking_date: date
    time_zone: str
    duration_hours: int
    time_slots: list[TimeSlot]
