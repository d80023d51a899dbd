"""A completed booking's money: the customer's advance becomes what each side earned. Source: docs/product.md#start-and-completion, docs/product.md#ledger."""

from datetime import datetime

from sqlalchemy.orm import Session

from shared.bookings.models import Booking
from shared.ledger import postings
from shared.ledger import queries as ledger
from shared.ledger.postings import Bearer, Parts, after_refund
from shared.payments import queries


def post_earnings(
    session: Session, booking: Booking, parts: Parts, now: datetime, *, borne_since: datetime | None = None
) -> None:
    """Post what each side earned of a completed booking, less what was refunded before.

    `parts` are the sides' parts of the whole price (paise). A refund that a provider bears counts from `borne_since`
    on: an earlier provider's refund is not this one's. Locks: the booking is locked by the caller.
    """
    left = _after_refunds(session, booking, parts, borne_since)
    lines = postings.completed(left, booking.provider_id)
    ledger.post(session, postings.Kind.COMPLETED, booking.id, booking.id, lines, at=now)


def _after_refunds(session: Session, booking: Booking, parts: Parts, borne_since: datetime | None) -> Parts:
    stayed = queries.net_captured(session, booking.id, since=borne_since)
    refunded = parts.total - stayed.amount
    of_provider = min(refunded, stayed.borne_by_provider)
    return after_refund(after_refund(parts, of_provider, Bearer.PROVIDER), refunded - of_provider, Bearer.PLATFORM)
