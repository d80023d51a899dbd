from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from shared.bookings.lifecycle import Acceptance, PaymentStatus, Status
from shared.bookings.schemas import EventView
from shared.kit.paging import PageQuery
from shared.kit.schemas import Body, Id, QueryDay, Rupees, Text, View
from shared.users.schemas import UserView


class BookingsQuery(PageQuery):
    """A search of bookings. Days are those of India, both ends included; `date_from` and `date_to` are days of the start."""

    status: Status | None = None
    payment_status: PaymentStatus | None = None
    acceptance: Acceptance | None = None
    line: Text(1, 50) | None = None  # type: ignore[valid-type]
    city: Text(1, 100) | None = None  # type: ignore[valid-type]
    customer_id: Id | None = None
    provider_id: Id | None = None
    date_from: QueryDay | None = None
    date_to: QueryDay | None = None
    created_from: QueryDay | None = None
    created_to: QueryDay | None = None
    q: Annotated[str, Field(pattern="^[A-Za-z0-9-]{1,20}$")] | None = None


class ListedBookingView(View):
    """A booking of any line in a list for admins."""

    id: UUID
    ref: str
    line: str
    status: Status
    payment_status: PaymentStatus
    acceptance: Acceptance
    city: str
    total: Rupees
    customer_id: UUID
    customer_name: str | None
    provider_id: UUID | None
    provider_name: str | None
    starts_at: datetime | None
    pay_by: datetime | None
    cash_agreed: bool
    cancellation_reason: str | None
    created_at: datetime


class RemainingBookingView(View):
    """A booking that remains after its customer was blocked, because it is paid or cash is agreed."""

    id: UUID
    ref: str
    line: str
    status: Status
    payment_status: PaymentStatus
    total: Rupees
    starts_at: datetime | None


class UserChangedView(UserView):
    """A user after the change, with the number of their cancelled unpaid bookings and the list of remaining bookings."""

    cancelled: int
    remaining: list[RemainingBookingView]


class FullEventView(EventView):
    """One event of a booking's history with its actor and facts; amounts in `facts` are paise."""

    actor_id: UUID | None
    facts: dict[str, Any]


class ExceptionsQuery(PageQuery):
    state: Literal["open", "closed"] = "open"
    kind: Text(1, 50) | None = None  # type: ignore[valid-type]
    booking_id: Id | None = None


class ExceptionView(View):
    """A manual review: its subject and the facts known at its opening; amounts in `facts` are paise."""

    id: UUID
    kind: str
    subject_id: UUID
    booking_id: UUID | None
    facts: dict[str, Any]
    created_at: datetime
    closed_at: datetime | None
    closed_by: UUID | None
    closing_note: str | None


class ExceptionClosing(Body):
    """The resolution of a manual review; a `reference` proves that a refund was paid manually and marks it done."""

    closing_note: Text(1, 1000)  # type: ignore[valid-type]
    reference: Text(1, 100) | None = None  # type: ignore[valid-type]
