from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from shared.bookings.lifecycle import Acceptance, PaymentStatus, Status
from shared.kit.schemas import Query, Rupees, View


class EventsQuery(Query):
    """`after` is the id of the last event the client has."""

    after: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class EventView(View):
    """One event of a booking's history; `actor` is a role, or `system`."""

    id: int
    at: datetime
    actor: str
    kind: str
    from_status: Status | None
    to_status: Status | None
    reason: str | None


class EventsView(View):
    """The events since the last request; `after` is the next request's cursor, `poll_after_seconds` the suggested delay."""

    items: list[EventView]
    after: int
    poll_after_seconds: int


class BookingSummaryView(View):
    """A customer's booking of any line, with the fields that all lines share; each line's endpoints return the rest."""

    id: UUID
    ref: str
    line: str
    status: Status
    payment_status: PaymentStatus
    acceptance: Acceptance
    total: Rupees
    pay_by: datetime | None
    cancellation_reason: str | None
    created_at: datetime
