"""Post the earnings of a completed booking: the customer's advance becomes each side's earnings. Source: docs/product.md#start-and-completion, docs/product.md#ledger."""

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
    """Post each side's earnings from a completed booking, less earlier refunds.

    `parts` are the sides' parts of the whole price (paise). Refunds borne by the provider count from `borne_since` on,
    because earlier ones were borne by an earlier provider. Locks: the booking is locked by the caller.
    """
    left = _after_refunds(session, booking, parts, borne_since)
    lines = postings.completed(left, booking.provider_id)
    ledger.post(session, postings.Kind.COMPLETED, booking.id, booking.id, lines, at=now)


def _after_refunds(session: Session, booking: Booking, parts: Parts, borne_since: datetime | None) -> Parts:
    stayed = queries.net_captured(session, booking.id, since=borne_since)
    refunded = parts.total - stayed.amount
    of_provider = min(refunded, stayed.borne_by_provider)
    return after_refund(after_refund(parts, of_provider, Bearer.PROVIDER), refunded - of_provider, Bearer.PLATFORM)
