"""What admins send and see of one booking; amounts are rupees on the wire."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Discriminator, RootModel, Tag

from shared.bookings.desk.schemas import ExceptionView, FullEventView, ListedBookingView
from shared.bookings.lifecycle import Status
from shared.kit.schemas import Body, Id, Rupees, Text, TimeSlot, View
from shared.ledger.postings import AccountCode
from shared.lines.home_chef.lifecycle import OfferState
from shared.lines.home_chef.schemas import BreakdownView, PlaceView
from shared.payments.schemas import AdminAttemptView, AdminRefundView, CashChange


class BookingCashChange(Body):
    """Cash is agreed, or was taken."""

    cash: CashChange


class BookingChefChange(Body):
    """Another chef; null: whoever is free."""

    chef_id: Id | None


class BookingStatusChange(Body):
    """Another status, and why."""

    status: Status
    reason: Text(1, 500)  # type: ignore[valid-type]


def _changed(body: Any) -> str | None:
    """Return the one field that tells which change a body is; None if it has none of them, or several."""
    given = body if isinstance(body, dict) else getattr(body, "model_fields_set", ())
    named = [name for name in ("cash", "chef_id", "status") if name in given]
    return named[0] if len(named) == 1 else None


class BookingChange(
    RootModel[
        Annotated[
            Annotated[BookingCashChange, Tag("cash")]
            | Annotated[BookingChefChange, Tag("chef_id")]
            | Annotated[BookingStatusChange, Tag("status")],
            Discriminator(
                _changed,
                custom_error_type="one_change",
                custom_error_message="send exactly one of chef_id, status with reason, or cash",
            ),
        ]
    ]
):
    """One change at a time: cash, another chef, or another status and why."""

    model_config = ConfigDict(frozen=True, defer_build=True)


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
