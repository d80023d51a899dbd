"""What clients of this line send and see; amounts are rupees on the wire, times of day are the place's own."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from shared.bookings.lifecycle import Answer, PaymentStatus, Status
from shared.kit.paging import PageQuery, PageView
from shared.kit.period import PeriodQuery
from shared.kit.schemas import AskedDay, Body, Day, Id, Query, Rupees, RupeesIn, Text, TimeSlot, View, Whole
from shared.lines.home_chef.lifecycle import ChefStep
from shared.payments.lifecycle import RefundState

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
    rating: "RatingView | None" = None
    refunds: list["RefundView"] = Field(default_factory=list)


class RatingView(View):
    """What the customer has said of a completed visit."""

    stars: int
    comment: str | None
    created_at: datetime


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


class RescheduleQuery(Query):
    """When a visit would be instead."""

    booking_date: AskedDay
    time_slot: TimeSlot


class RescheduleView(View):
    """What moving to that time costs: the new total, how it differs from the present one, and what goes back."""

    total: Rupees
    difference: Rupees
    refund: Rupees


class RescheduleRequest(Body):
    """When a visit is to be instead, and the total that was shown: where it has changed since, nothing is moved."""

    booking_date: Day
    time_slot: TimeSlot
    expected_total: RupeesIn | None = None


class RatingRequest(Body):
    """How a completed visit was, in 1 to 5 stars and a few words."""

    stars: Annotated[int, Field(ge=1, le=5), Whole]
    comment: Text(1, 1000) | None = None  # type: ignore[valid-type]


class StatusChange(Body):
    """What a chef does next with a booking; `confirmed` accepts it."""

    status: ChefStep
    reason: Text(1, 500) | None = None  # type: ignore[valid-type]


class ChefBookingQuery(PageQuery):
    status: Status | None = None


class EarningsQuery(PageQuery, PeriodQuery):
    """Local days, both included: `from` is the first of the month and `to` today where they are not said."""


class EarningView(View):
    """What one fact about a visit changed for its chef: negative where it was taken back; `balance` was owed after it."""

    booking_id: UUID
    ref: str
    booking_date: date
    kind: str
    at: datetime
    amount: Rupees
    balance: Rupees


class EarningsView(PageView[EarningView]):
    """A chef's earnings from the first to the last local day, both included; their lines, the newest first.

    `opening` was owed when the period began. `earned` by completed visits, `kept` of late cancellations, `taken_back`
    for refunds the chef bears; `total` is the sum of the period, with which `opening` becomes `closing`. `owed` is the
    balance of all time: there is no payout yet.
    """

    first_day: date
    last_day: date
    opening: Rupees
    earned: Rupees
    kept: Rupees
    taken_back: Rupees
    total: Rupees
    closing: Rupees
    owed: Rupees
