"""Read one booking of any line with all its records for an admin, in a fixed number of statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.bookings.admin import queries as bookings
from shared.bookings.admin.queries import CustomerUser, ProviderUser
from shared.bookings.line import LineDetails, Lines
from shared.bookings.models import Booking, BookingEvent, ManualReview
from shared.bookings.queries import BookingNotFound
from shared.ledger import queries as ledger
from shared.ledger.models import LedgerPosting, LedgerTransaction
from shared.payments import queries as payments
from shared.payments.models import Attempt, Refund
from shared.users.models import User


@dataclass(frozen=True)
class BookingDetail:
    """A booking with all its records, the oldest first; `breakdown` is paise by name."""

    booking: Booking
    customer: User
    provider: User | None
    breakdown: dict[str, int]
    details: LineDetails
    payments: dict[Attempt, list[Refund]]
    events: Sequence[BookingEvent]
    exceptions: Sequence[ManualReview]
    ledger: Sequence[tuple[LedgerTransaction, LedgerPosting]]


def booking_detail(session: Session, lines: Lines, booking_id: UUID) -> BookingDetail:
    """Return a booking with all its records. Raises BookingNotFound."""
    row = session.execute(
        select(Booking, CustomerUser, ProviderUser)
        .join(CustomerUser, CustomerUser.id == Booking.customer_id)
        .outerjoin(ProviderUser, ProviderUser.id == Booking.provider_id)
        .where(Booking.id == booking_id)
    ).one_or_none()
    if row is None:
        raise BookingNotFound
    booking, line = row[0], lines(row[0].line)
    return BookingDetail(
        *row,
        breakdown=dict(line.breakdown(booking)),
        details=line.details(session, booking),
        payments=payments.of_booking(session, booking_id),
        events=bookings.events(session, booking_id),
        exceptions=bookings.reviews_of(session, booking_id),
        ledger=ledger.of_booking(session, booking_id),
    )
