"""What a chef says of themselves and of their time, and what customers see of it."""

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self, get_args
from uuid import UUID

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema, field_validator, model_validator

from shared.kit.contact import Phone
from shared.kit.paging import PageQuery
from shared.kit.schemas import HALF_HOUR, AskedDay, Body, Day, Id, Query, Rupees, Text, TimeSlot, View, Whole
from shared.lines.home_chef.schemas import Guests, Hours, QuoteRequest
from shared.places.schemas import City, Pincode

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
UP_TO_MIDNIGHT = "^(([01][0-9]|2[0-3]):(00|30)|24:00)$"
MOST_SLOTS = 70  # ten for each day


def _minute(pattern: str) -> Any:
    """Return what reads HH:MM as the minute of the day."""

    def read(value: Any) -> int:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError("must be HH:MM on :00 or :30")
        hours, minutes = value.split(":")
        return int(hours) * 60 + int(minutes)

    return BeforeValidator(read)


StartTime = Annotated[
    int, _minute(HALF_HOUR), WithJsonSchema({"type": "string", "pattern": HALF_HOUR, "examples": ["08:00"]})
]
EndTime = Annotated[
    int, _minute(UP_TO_MIDNIGHT), WithJsonSchema({"type": "string", "pattern": UP_TO_MIDNIGHT, "examples": ["23:00"]})
]


class SlotRequest(Body):
    """A part of each week in which a chef works; the end is up to 24:00, which meets 00:00 of the next day."""

    day_of_week: Weekday
    start_time: StartTime
    end_time: EndTime

    @field_validator("end_time")
    @classmethod
    def after_the_start(cls, ends: int, info: ValidationInfo) -> int:
        if ends <= info.data.get("start_time", -1):
            raise ValueError("must be after start_time")
        return ends

    def row(self) -> dict[str, int]:
        """Return the slot as it is stored: the weekday from Monday 0, minutes of the day."""
        return {"weekday": WEEKDAYS.index(self.day_of_week), "starts": self.start_time, "ends": self.end_time}


class WeekRequest(Body):
    """The whole week of a chef, in place of the one before."""

    slots: Annotated[list[SlotRequest], Field(max_length=MOST_SLOTS)]


class OpeningView(View):
    """A part of each week in which a chef works; the end is up to 24:00."""

    day_of_week: Weekday
    start_time: str
    end_time: str


class SlotView(OpeningView):
    id: UUID


class DayOffRequest(Body):
    """A day on which a chef does not work, whatever the week says."""

    day: Day
    reason: Text(1, 500) | None = None  # type: ignore[valid-type]


class DayOffView(View):
    id: UUID
    day: date
    reason: str | None


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


class FreeChefsQuery(PageQuery):
    """A visit to find a chef for: at one of the customer's addresses, or anywhere in a city."""

    address_id: Id | None = None
    city: City | None = None
    pincode: Pincode | None = None
    booking_date: AskedDay
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
        """Return the visit as it would be asked for; only a booking needs the address."""
        known = {name: getattr(self, name) for name in QuoteRequest.model_fields.keys() & type(self).model_fields}
        return QuoteRequest.model_construct(**known)


class FreeTimesQuery(Query):
    address_id: Id
    booking_date: AskedDay
    duration_hours: Hours = 2
    chef_id: Id | None = None


class FreeTimesView(View):
    """The times of one day at which a visit can start, the place's own."""

    booking_date: date
    time_zone: str
    duration_hours: int
    time_slots: list[TimeSlot]


class _PublicView(View):
    """What anybody may know of a chef: never how to reach them, and of the last name only how it begins."""

    id: UUID
    name: str | None
    bio: str | None
    specialties: list[str]
    experience_years: int
    rating: float | None
    rating_count: int
    total_bookings: int
    hourly_rate: Rupees


class FreeChefView(_PublicView):
    """A chef who is free for the visit, and what it would cost with them."""

    total: Rupees


class RatingView(View):
    """What somebody said of a visit; `month` is YYYY-MM."""

    stars: int
    comment: str | None
    month: str
    customer_name: str | None


class PublicChefView(_PublicView):
    """A chef with the week they work and the newest ratings."""

    availability: list[OpeningView]
    ratings: list[RatingView]


class BookedVisitView(View):
    """A visit that stands in the way of a day off."""

    ref: str
    starts_at: datetime
    ends_at: datetime
