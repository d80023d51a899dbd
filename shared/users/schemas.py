from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field, HttpUrl

from shared.kit.contact import Phone
from shared.kit.errors import Invalid
from shared.kit.paging import PageQuery
from shared.kit.schemas import Body, Flag, Text, View

Name = Text(1, 100)


def _without_credentials(url: HttpUrl) -> HttpUrl:
    if url.username or url.password:
        raise ValueError("must not contain a user name or a password")  # other users see the URL
    return url


class ProfileView(View):
    id: UUID
    name: str | None
    email: str | None
    phone: str | None
    dob: date | None
    avatar_url: str | None
    role: str


class ProfileChange(Body):
    """A user's change of their own profile: an absent field is unchanged, null clears; the email cannot be changed."""

    name: Name | None = None  # type: ignore[valid-type]
    phone: Phone | None = None
    dob: Annotated[date, Field(ge=date(1900, 1, 1))] | None = None
    avatar_url: Annotated[HttpUrl, Field(max_length=500), AfterValidator(_without_credentials)] | None = None

    def given(self, today: date) -> dict[str, Any]:
        """Return the sent fields as they are stored; raises Invalid for a birthday in the future."""
        if self.dob and self.dob > today:
            raise Invalid("dob", "must not be in the future")
        as_text = {"avatar_url": str(self.avatar_url)} if self.avatar_url else {}
        return self.model_dump(exclude_unset=True) | as_text


class UserQuery(PageQuery):
    """`q` is part of a name, or the beginning of an email address or a phone number."""

    role: Text(1, 50) | None = None  # type: ignore[valid-type]
    is_active: Flag | None = None
    q: Text(1, 100) | None = None  # type: ignore[valid-type]


class UserView(View):
    """A user as an admin sees them."""

    id: UUID
    name: str | None
    email: str | None
    phone: str | None
    role: str
    is_active: bool
    created_at: datetime


class UserChange(Body):
    """Block or unblock a user: whether they may sign in, and the reason."""

    is_active: bool
    reason: Text(1, 500) | None = None  # type: ignore[valid-type]
