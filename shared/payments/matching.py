"""Match a gateway's answer with an attempt: pure decisions (docs/product.md#settlement)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.bookings.lifecycle import PaymentStatus
from shared.payments.gateway import GatewayAnswer, GatewayStatus
from shared.payments.lifecycle import AttemptState, Capture

# A poll can arrive before a slow pay call: "not found" means failed only after this time (docs/phonepe.md#status-codes).
NOT_FOUND_GRACE = timedelta(minutes=20)


@dataclass(frozen=True)
class PaymentRequest:
    """The payment we asked the gateway to collect."""

    merchant: str
    merchant_txn_id: str
    amount: int
    currency: str
    started_at: datetime


def differences(request: PaymentRequest, answer: GatewayAnswer) -> list[str]:
    """Return the names of the fields in which the answer differs from the request; empty when all agree, to the paisa."""
    pairs = {
        "merchant": (request.merchant, answer.merchant),
        "merchant_txn_id": (request.merchant_txn_id, answer.merchant_txn_id),
        "amount": (request.amount, answer.amount),
        "currency": (request.currency, answer.currency),
    }
    return [name for name, (ours, theirs) in pairs.items() if ours != theirs]


def verdict(request: PaymentRequest, answer: GatewayAnswer, now: datetime) -> AttemptState:
    """Return the attempt's state according to the answer; PENDING for any unclear answer."""
    match answer.status:
        case GatewayStatus.SUCCEEDED if answer.merchant_txn_id is None or answer.amount is None:
            return AttemptState.PENDING  # a success that names no payment is unclear
        case GatewayStatus.SUCCEEDED:
            return AttemptState.MISMATCHED if differences(request, answer) else AttemptState.SUCCEEDED
        case GatewayStatus.FAILED if not {"merchant", "merchant_txn_id"} & set(differences(request, answer)):
            return AttemptState.FAILED
        case GatewayStatus.NOT_FOUND if now - request.started_at >= NOT_FOUND_GRACE:
            return AttemptState.FAILED
        case _:
            return AttemptState.PENDING


def capture_kind(*, cancelled: bool, paid: bool) -> Capture:
    """Classify a success for its booking; a second one is a duplicate even if the booking was cancelled since."""
    if paid:
        return Capture.DUPLICATE
    return Capture.LATE if cancelled else Capture.APPLIED


def payment_status(captured: int, refunded: int, *, failed: bool) -> PaymentStatus:
    """Return a booking's payment status from its captures and done refunds (paise), without duplicates."""
    if captured == 0:
        return PaymentStatus.FAILED if failed else PaymentStatus.PENDING
    if refunded == 0:
        return PaymentStatus.SUCCESS
    return PaymentStatus.REFUNDED if refunded >= captured else PaymentStatus.PARTIALLY_REFUNDED
