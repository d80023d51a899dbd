from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Discriminator, Tag

from shared.bookings.lifecycle import PaymentStatus
from shared.kit.paging import PageQuery
from shared.kit.schemas import Body, Id, QueryDay, Rupees, RupeesIn, Text, View
from shared.ledger.postings import Bearer
from shared.payments.lifecycle import AttemptState, Capture, RefundState

AttemptStatus = Literal["pending", "success", "failed"]
SHOWN: dict[AttemptState, AttemptStatus] = {
    AttemptState.CREATED: "pending",
    AttemptState.PENDING: "pending",
    AttemptState.SUCCEEDED: "success",
    AttemptState.FAILED: "failed",
    AttemptState.MISMATCHED: "pending",  # in manual review
}


class InitiateRequest(Body):
    booking_id: Id


class PaymentPageView(View):
    """The page to pay on, to open in the same tab; `merchant_txn_id` identifies this attempt."""

    payment_url: str
    merchant_txn_id: str


class AttemptView(View):
    """The status of an attempt, and the status of its booking."""

    merchant_txn_id: str
    status: AttemptStatus
    amount: Rupees
    booking_id: UUID
    booking_ref: str
    payment_status: PaymentStatus


class CashAgreed(Body):
    """Whether the customer will pay in cash; while agreed, an unpaid booking has no deadline."""

    agreed: bool


class CashTaken(Body):
    """The whole outstanding amount, paid in cash, and who has the money."""

    amount: RupeesIn
    held_by: Literal["provider", "platform"]


def _form(value: Any) -> str:
    fields = value if isinstance(value, dict) else {}
    return "@agreed" if "agreed" in fields else "@taken"


CashChange = Annotated[
    Annotated[CashAgreed, Tag("@agreed")] | Annotated[CashTaken, Tag("@taken")], Discriminator(_form)
]


class RefundRequest(Body):
    """An admin's refund and its reason, which the customer sees."""

    amount: RupeesIn
    reason: Text(1, 500)  # type: ignore[valid-type]
    borne_by: Bearer = Bearer.PLATFORM


class AdminRefundView(View):
    """A refund with all its fields."""

    id: UUID
    attempt_id: UUID
    merchant_refund_id: str
    amount: Rupees
    state: RefundState
    reason: str
    borne_by: Bearer
    code: str | None
    gateway_refund_id: str | None
    bank_reference: str | None
    created_at: datetime
    sent_at: datetime | None
    done_at: datetime | None


class PaymentsQuery(PageQuery):
    """An admin's query for payment attempts; they began on local days of India, both included."""

    state: AttemptState | None = None
    gateway: Text(1, 50) | None = None  # type: ignore[valid-type]
    booking_id: Id | None = None
    merchant_txn_id: Text(1, 40) | None = None  # type: ignore[valid-type]
    date_from: QueryDay | None = None
    date_to: QueryDay | None = None


class AdminAttemptView(View):
    """A payment attempt with all its fields; `held_by` is the person who has the money, for cash."""

    id: UUID
    booking_id: UUID
    gateway: str
    merchant_txn_id: str
    amount: Rupees
    currency: str
    state: AttemptState
    capture: Capture | None
    method: str | None
    held_by: Literal["provider", "platform"] | None
    code: str | None
    gateway_txn_id: str | None
    bank_reference: str | None
    started_at: datetime
    asked_at: datetime | None
    next_poll_at: datetime | None
    settled_at: datetime | None


class ListedAttemptView(AdminAttemptView):
    booking_ref: str


class ReconciliationView(View):
    """One round of polling: how many were polled, got no answer, could not be settled or went to manual review."""

    id: UUID
    started_at: datetime
    asked: int
    silent: int
    failed: int
    given_up: int
