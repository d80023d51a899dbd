"""The admin's views of payment attempts and refunds."""

from typing import Any

from shared.payments.models import Attempt, Refund
from shared.payments.schemas import AdminAttemptView, AdminRefundView, ListedAttemptView


def attempt_view(attempt: Attempt) -> AdminAttemptView:
    return AdminAttemptView.model_validate(_attempt_fields(attempt))


def listed_attempt_view(attempt: Attempt, booking_ref: str) -> ListedAttemptView:
    return ListedAttemptView.model_validate({**_attempt_fields(attempt), "booking_ref": booking_ref})


def _attempt_fields(attempt: Attempt) -> dict[str, Any]:
    own = {name: getattr(attempt, name) for name in AdminAttemptView.model_fields if hasattr(attempt, name)}
    return {**own, "held_by": (attempt.raw or {}).get("held_by")}


def refund_view(refund: Refund) -> AdminRefundView:
    return AdminRefundView.model_validate(refund)
