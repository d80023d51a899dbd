"""Chefs as admins register and see them; rates are whole rupees an hour."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from shared.kit.contact import Email, Phone
from shared.kit.paging import PageQuery
from shared.kit.schemas import Body, Flag, Rupees, Text, View, Whole
from shared.lines.home_chef.chefs.schemas import HourlyRate, SlotView

Years = Annotated[int, Field(ge=0, le=70), Whole]


class ChefQuery(PageQuery):
    """`q` is part of a name, or how an email address, a phone number or a city begins."""

    q: Text(1, 100) | None = None  # type: ignore[valid-type]
    city: Text(1, 100) | None = None  # type: ignore[valid-type]
    is_verified: Flag | None = None
    is_active: Flag | None = None


class ChefRegistration(Body):
    """Who becomes a chef, by the address they sign in with; they are offered visits once they are verified."""

    email: Email
    name: Text(1, 100)  # type: ignore[valid-type]
    phone: Phone | None = None
    bio: Text(1, 2000) | None = None  # type: ignore[valid-type]
    specialties: Annotated[list[Text(1, 50)], Field(max_length=20)] = Field(default_factory=list)  # type: ignore[valid-type]
    experience_years: Years = 0
    hourly_rate: HourlyRate = Field(399_00, json_schema_extra={"default": 399})  # on the wire it is rupees
    service_city: Text(1, 100)  # type: ignore[valid-type]


class ChefChange(Body):
    """What an admin changes about a chef: an absent field stays, null clears a text; `is_active: true` takes one back."""

    name: Text(1, 100) = ""  # type: ignore[valid-type]
    phone: Phone | None = None
    bio: Text(1, 2000) | None = None  # type: ignore[valid-type]
    specialties: Annotated[list[Text(1, 50)], Field(max_length=20)] = Field(default_factory=list)  # type: ignore[valid-type]
    experience_years: Years = 0
    hourly_rate: HourlyRate = 399_00
    is_available: bool = True
    service_city: Text(1, 100) | None = None  # type: ignore[valid-type]
    is_verified: bool = True
    verification_reference: Text(1, 200) | None = None  # type: ignore[valid-type]
    is_active: Literal[True] = True


class RegisteredChefView(View):
    """A chef as an admin sees them; who verified them, when and by which document."""

    id: UUID
    name: str | None
    email: str | None
    phone: str | None
    bio: str | None
    specialties: list[str]
    experience_years: int
    rating: float | None
    rating_count: int
    total_bookings: int
    hourly_rate: Rupees
    is_available: bool
    service_city: str | None
    is_verified: bool
    verified_at: datetime | None
    verified_by: UUID | None
    verification_reference: str | None
    is_active: bool
    created_at: datetime


class ChefFileView(RegisteredChefView):
    """The same with the week they work in."""

    availability: list[SlotView]
