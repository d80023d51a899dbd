"""What clients of this line send and see; amounts are rupees on the wire, times of day are the place's own."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from shared.bookings.lifecycle import Answer, PaymentStatus, Status
from shared.kit.contact import Phone
from shared.kit.paging import PageQuery
from shared.kit.schemas import Body, Day, Id, Rupees, RupeesIn, Text, TimeSlot, View, Whole
from shared.payments.lifecycle import RefundState

Hours = Annotated[int, Field(ge=1, le=8), Whole]
Guests = Annotated[int, Field(ge=1, le=20), Whole]
VisitDay = Day
VISIT_FIELDS = ("address_id", "booking_date", "time_slot")


class QuoteRequest(Body):
    """A visit to be priced."""

    address_id: Id
    booking_date: VisitDay
    time_slot: TimeSlot
    duration_hours: Hours = 2
    guest_count: Guests = 2
    special_requests: Text(1, 1000) | None = None  # type: ignore[valid-type]
    chef_id: Id | None = None


class BookingRequest(Body):
    """A visit to be booked, or the quote of one: `quote_id` alone, or the visit's own fields."""

    quote_id: Id | None = None
    address_id: Id | None = None
    booking_date: VisitDay | None = None
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
        """Return the visit's own fields; only where there is no quote."""
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


class PlaceView(View):
    """Where a visit is: the address as it was when it was booked; in full only for who may know it."""

    label: str | None = None
    full_address: str | None = None
    city: str
    state: str | None = None
    pincode: str | None = None
    latitude: float | None = None
    longitude: float | None = None


class BookingView(View):
    """A booking as its customer sees it."""

    id: UUID
    ref: str
    status: Status
    payment_status: PaymentStatus
    answer: Answer
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
    refunds: list["RefundView"] = Field(default_factory=list)


class RefundView(View):
    amount: Rupees
    state: RefundState
    reason: str
    created_at: datetime
    done_at: datetime | None


class ChefBookingView(View):
    """A booking as its chef sees it: who and where in full only once accepted."""

    id: UUID
    ref: str
    status: Status
    payment_status: PaymentStatus
    answer: Answer
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


class CancellationView(View):
    """What cancelling now gives back; `valid_until` null: until a chef accepts."""

    refund: Rupees
    valid_until: datetime | None


class CancelRequest(Body):
    """Why, and the refund that was shown: where it has changed since, nothing is cancelled."""

    reason: Text(1, 500)  # type: ignore[valid-type]
    expected_refund: RupeesIn | None = None


class StatusChange(Body):
    """What a chef does next with a booking; `confirmed` accepts it."""

    status: Status
    reason: Text(1, 500) | None = None  # type: ignore[valid-type]


class SlotView(View):
    id: UUID
    day_of_week: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    start_time: str
    end_time: str


class ChefProfileView(View):
    id: UUID
    name: str | None
    email: str | None
    phone: str | None
    bio: str | None
    specialties: list[str]
    experience_years: int
    rating: float | None
    total_bookings: int
    hourly_rate: Rupees
    is_available: bool
    is_verified: bool
    service_city: str | None
    availability: list[SlotView]


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
    """What a chef may change: an absent field stays, null clears a text. The rate is whole rupees an hour."""

    name: Text(1, 100) | None = None  # type: ignore[valid-type]
    phone: Phone | None = None
    bio: Text(1, 2000) | None = None  # type: ignore[valid-type]
    specialties: Annotated[list[Text(1, 50)], Field(max_length=20)] = Field(default_factory=list)  # type: ignore[valid-type]
    experience_years: Annotated[int, Field(ge=0, le=70), Whole] = 0
    hourly_rate: HourlyRate = 399_00
    is_available: bool = True
    service_city: Text(1, 100) | None = None  # type: ignore[valid-type]


class ChefBookingQuery(PageQuery):
    status: Status | None = None
