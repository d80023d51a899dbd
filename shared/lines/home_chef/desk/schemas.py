"""What admins send and see of one booking; amounts are rupees on the wire."""

from datetime import date, datetime
from typing import Any, Self
from uuid import UUID

from pydantic import model_validator

from shared.bookings.desk.schemas import ExceptionView, FullEventView, ListedBookingView
from shared.bookings.lifecycle import Status
from shared.kit.schemas import Body, Id, Rupees, Text, TimeSlot, View
from shared.ledger.postings import AccountCode
from shared.lines.home_chef.lifecycle import OfferState
from shared.lines.home_chef.schemas import BreakdownView, PlaceView
from shared.payments.schemas import AdminAttemptView, AdminRefundView, CashChange

ONE_CHANGE = ({"chef_id"}, {"status", "reason"}, {"cash"})


class BookingChange(Body):
    """One change at a time: another chef (null: whoever is free), another state and why, or cash."""

    chef_id: Id | None = None
    status: Status | None = None
    reason: Text(1, 500) | None = None  # type: ignore[valid-type]
    cash: CashChange | None = None

    @model_validator(mode="after")
    def exactly_one(self) -> Self:
        given = self.model_fields_set
        empty = [name for name in given - {"chef_id"} if getattr(self, name) is None]
        if given not in ONE_CHANGE or empty:
            raise ValueError("send exactly one of chef_id, status with reason, or cash")
        return self


class VisitView(View):
    """What only a chef's visit knows of its booking."""

    booking_date: date
    time_slot: TimeSlot
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    duration_hours: int
    guest_count: int
    special_requests: str | None
    address: PlaceView
    rate: Rupees
    earning: Rupees
    cancellation: dict[str, Any]
    chef_changed_at: datetime | None
    rescheduled: int
    started_at: datetime | None
    completed_at: datetime | None


class OfferView(View):
    """A chef who was asked, and what came of it."""

    id: UUID
    chef_id: UUID
    chef_name: str | None
    state: OfferState
    offered_at: datetime
    expires_at: datetime | None
    answered_at: datetime | None
    reason: str | None


class LedgerLineView(View):
    """One line of what was booked: a debit is positive, a credit negative; the lines of a transaction sum to zero."""

    transaction_id: UUID
    at: datetime
    kind: str
    account: AccountCode
    amount: Rupees
    provider_id: UUID | None


class BookingFileView(ListedBookingView):
    """All that is known of a booking."""

    customer_email: str | None
    customer_phone: str | None
    chef_email: str | None
    chef_phone: str | None
    breakdown: BreakdownView
    visit: VisitView
    offers: list[OfferView]
    payments: list[AdminAttemptView]
    refunds: list[AdminRefundView]
    events: list[FullEventView]
    exceptions: list[ExceptionView]
    ledger: list[LedgerLineView]
