"""Divide a cancelled booking's money: the refund, and each side's part of the rest. Source: docs/product.md#cancellation."""

from datetime import datetime

from sqlalchemy.orm import Session

from shared.bookings.models import Booking
from shared.ledger import postings
from shared.ledger import queries as ledger
from shared.ledger.postings import Parts
from shared.payments import refunding
from shared.payments.lifecycle import Cause
from shared.payments.models import Attempt


def share_out(
    session: Session, booking: Booking, paid_by: Attempt, refund: int, *, refunded: int, parts: Parts, now: datetime
) -> None:
    """Refund a cancelled booking (paise) and post the rest to both sides, pro rata.

    `refunded` is the earlier refunds, `parts` each side's earnings of the whole price. Locks: booking, payment.
    """
    if refund:
        refunding.decide(session, paid_by, refund, reason=Cause.CANCELLED, now=now)
    kept = booking.total - refunded - refund
    if kept:
        lines = postings.kept_on_cancellation(kept, parts, booking.provider_id)
        ledger.post(session, postings.Kind.KEPT, booking.id, booking.id, lines, at=now)
