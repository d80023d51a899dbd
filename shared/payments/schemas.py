from typing import Literal
from uuid import UUID

from shared.bookings.lifecycle import PaymentStatus
from shared.kit.schemas import Body, Id, Rupees, View
from shared.payments.lifecycle import AttemptState

AttemptStatus = Literal["pending", "success", "failed"]
SHOWN: dict[AttemptState, AttemptStatus] = {
    AttemptState.CREATED: "pending",
    AttemptState.PENDING: "pending",
    AttemptState.SUCCEEDED: "success",
    AttemptState.FAILED: "failed",
    AttemptState.MISMATCHED: "pending",  # a person is looking at it
}


class InitiateRequest(Body):
    booking_id: Id


class PaymentPageView(View):
    """Where to pay, in the same tab; `merchant_txn_id` names this attempt from now on."""

    payment_url: str
    merchant_txn_id: str


class AttemptView(View):
    """How an attempt stands, and what that makes of its booking."""

    merchant_txn_id: str
    status: AttemptStatus
    amount: Rupees
    booking_id: UUID
    booking_ref: str
    payment_status: PaymentStatus
