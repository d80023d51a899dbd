from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field, HttpUrl

from shared.kit.contact import Phone
from shared.kit.schemas import Body, Text, View

Name = Text(1, 100)


class ProfileView(View):
    id: UUID
    name: str | None
    email: str | None
    phone: str | None
    dob: date | None
    avatar_url: str | None
    role: str


class ProfileChange(Body):
    """What a person may change about themselves: an absent field stays, null clears; the email is no field of it."""

    name: Name | None = None  # type: ignore[valid-type]
    phone: Phone | None = None
    dob: Annotated[date, Field(ge=date(1900, 1, 1))] | None = None
    avatar_url: Annotated[HttpUrl, Field(max_length=500)] | None = None
