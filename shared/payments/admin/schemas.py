"""The admin's view of one booking of any line, and the changes an admin can make; amounts are rupees on the wire."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Discriminator, RootModel, Tag

from shared.bookings.admin.schemas import ExceptionView, FullEventView, ListedBookingView
from shared.bookings.lifecycle import Status
from shared.kit.schemas import Body, Id, Rupees, Text, View
from shared.ledger.postings import AccountCode
from shared.payments.schemas import AdminAttemptView, AdminRefundView, CashChange


class BookingCashChange(Body):
    """Agree cash, or record cash that was paid."""

    cash: CashChange


class BookingChefChange(Body):
    """Another provider; null: the next free one."""

    chef_id: Id | None


class BookingProviderChange(Body):
    """Another provider, by the field name that every line accepts; null: the next free one."""

    provider_id: Id | None


class BookingStatusChange(Body):
    """Another status and the reason."""

    status: Status
    reason: Text(1, 500)  # type: ignore[valid-type]


def _changed(body: Any) -> str | None:
    """Return the one field that identifies the change; None if the body has none of the fields, or several."""
    fields = body if isinstance(body, dict) else getattr(body, "model_fields_set", ())
    named = [name for name in ("cash", "chef_id", "provider_id", "status") if name in fields]
    return f"@{named[0]}" if len(named) == 1 else None


class BookingChange(
    RootModel[
        Annotated[
            Annotated[BookingCashChange, Tag("@cash")]
            | Annotated[BookingChefChange, Tag("@chef_id")]
            | Annotated[BookingProviderChange, Tag("@provider_id")]
            | Annotated[BookingStatusChange, Tag("@status")],
            Discriminator(
                _changed,
                custom_error_type="one_change",
                custom_error_message="send exactly one of chef_id, provider_id, status with reason, or cash",
            ),
        ]
    ]
):
    """One change at a time: cash, another provider, or another status and the reason."""

    model_config = ConfigDict(frozen=True, defer_build=True)


class LedgerLineView(View):
    """One line of the ledger: a debit is positive, a credit negative; the lines of a transaction sum to zero."""

    transaction_id: UUID
    at: datetime
    kind: str
    account: AccountCode
    amount: Rupees
    provider_id: UUID | None


class BookingDetailView(ListedBookingView):
    """A booking with all its records; `visit` and `offers` are the data of its line."""

    customer_email: str | None
    customer_phone: str | None
    provider_email: str | None
    provider_phone: str | None
    breakdown: dict[str, Rupees]
    visit: dict[str, Any] | None
    offers: list[dict[str, Any]]
    payments: list[AdminAttemptView]
    refunds: list[AdminRefundView]
    events: list[FullEventView]
    exceptions: list[ExceptionView]
    ledger: list[LedgerLineView]
