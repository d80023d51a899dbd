"""A cancelled booking's money: the refund, and each side's part of what is kept. Source: docs/product.md#cancellation."""

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
    """Refund so many paise of a cancelled booking and post what is kept to each side, pro rata.

    `refunded` is what was refunded before, `parts` what each side would have earned of the whole. Locks: booking, payment.
    """
    if refund:
        refunding.decide(session, paid_by, refund, reason=Cause.CANCELLED, now=now)
    kept = booking.total - refunded - refund
    if kept:
        lines = postings.kept_on_cancellation(kept, parts, booking.provider_id)
        ledger.post(session, postings.Kind.KEPT, booking.id, booking.id, lines, at=now)
