"""The bodies and views of providers, weeks and days off, and the admin's search for providers."""

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema, field_validator

from shared.appointments.providers.calendar import Slot
from shared.appointments.providers.models import WeeklySlot
from shared.kit.contact import Email, Phone
from shared.kit.paging import PageQuery
from shared.kit.schemas import HALF_HOUR, Body, Day, Flag, Rupees, RupeesIn, Text, View, Whole

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
UP_TO_MIDNIGHT = "^(([01][0-9]|2[0-3]):(00|30)|24:00)$"
Years = Annotated[int, Field(ge=0, le=70), Whole]
MOST_SLOTS = 70  # ten for each day


def _minute(pattern: str) -> Any:
    """Return the validator that reads HH:MM as the minute of the day."""

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


class ProviderQuery(PageQuery):
    """`q` is part of a name, or the beginning of an email address, a phone number or a city."""

    q: Text(1, 100) | None = None  # type: ignore[valid-type]
    city: Text(1, 100) | None = None  # type: ignore[valid-type]
    is_verified: Flag | None = None
    is_active: Flag | None = None


class ProviderRegistration(Body):
    """A user to register as a provider, by the email address they sign in with; only verified providers get offers."""

    email: Email
    name: Text(1, 100)  # type: ignore[valid-type]
    phone: Phone | None = None
    bio: Text(1, 2000) | None = None  # type: ignore[valid-type]
    specialties: Annotated[list[Text(1, 50)], Field(max_length=20)] = Field(default_factory=list)  # type: ignore[valid-type]
    experience_years: Years = 0
    rate: Annotated[RupeesIn, Field(gt=0)] | None = None
    service_city: Text(1, 100)  # type: ignore[valid-type]


class ProviderView(View):
    """A provider as an admin sees them, in a line that has no view of its own; the rate is rupees an hour."""

    id: UUID
    name: str | None
    email: str | None
    phone: str | None
    specialties: list[str]
    experience_years: int
    rate: Rupees | None
    rating: float | None
    rating_count: int
    service_city: str | None
    is_available: bool
    is_verified: bool
    verified_at: datetime | None
    verified_by: UUID | None
    verification_reference: str | None
    is_active: bool
    created_at: datetime


class SlotRequest(Body):
    """A part of each week in which a provider works; the end is up to 24:00, adjacent to 00:00 of the next day."""

    day_of_week: Weekday
    start_time: StartTime
    end_time: EndTime

    @field_validator("end_time")
    @classmethod
    def after_the_start(cls, ends: int, info: ValidationInfo) -> int:
        if ends <= info.data.get("start_time", -1):
            raise ValueError("must be after start_time")
        return ends

    def slot(self) -> Slot:
        """Return the slot as it is stored."""
        return Slot(WEEKDAYS.index(self.day_of_week), self.start_time, self.end_time)


class WeekRequest(Body):
    """The whole week of a provider; it replaces the one before."""

    slots: Annotated[list[SlotRequest], Field(max_length=MOST_SLOTS)]


class OpeningView(View):
    """A part of each week in which a provider works; the end is up to 24:00."""

    day_of_week: Weekday
    start_time: str
    end_time: str


class SlotView(OpeningView):
    id: UUID


def slot_view(slot: WeeklySlot) -> SlotView:
    opening = opening_view(slot.weekday, slot.starts, slot.ends)
    return SlotView(
        id=slot.id,
        day_of_week=opening.day_of_week,
        start_time=opening.start_time,
        end_time=opening.end_time,
    )


def opening_view(weekday: int, starts: int, ends: int) -> OpeningView:
    return OpeningView(day_of_week=WEEKDAYS[weekday], start_time=time_of_day(starts), end_time=time_of_day(ends))


def time_of_day(minute: int) -> str:
    """Return HH:MM of a minute of the day; the end of the day is 24:00."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


class DayOffRequest(Body):
    """A day on which a provider does not work, despite the week."""

    day: Day
    reason: Text(1, 500) | None = None  # type: ignore[valid-type]


class DayOffView(View):
    id: UUID
    day: date
    reason: str | None


class BookedAppointmentView(View):
    """An appointment that prevents a day off."""

    ref: str
    starts_at: datetime
    ends_at: datetime
