"""What admins ask about one booking: a fixed number of statements, whatever has happened to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from shared.bookings.desk import queries as bookings
from shared.bookings.models import Booking, BookingEvent, OpenException
from shared.ledger import queries as ledger
from shared.ledger.models import LedgerPosting, LedgerTransaction
from shared.lines.home_chef.models import Offer, Visit
from shared.payments import queries as payments
from shared.payments.models import Attempt, Refund
from shared.users.models import User

_CUSTOMER, _CHEF = aliased(User), aliased(User)


@dataclass(frozen=True)
class BookingFile:
    """A booking with everything that belongs to it, each list the oldest first."""

    booking: Booking
    visit: Visit
    customer: User
    chef: User | None
    offers: Sequence[tuple[Offer, str | None]]
    payments: dict[Attempt, list[Refund]]
    events: Sequence[BookingEvent]
    exceptions: Sequence[OpenException]
    ledger: Sequence[tuple[LedgerTransaction, LedgerPosting]]


def booking_file(session: Session, booking_id: UUID) -> BookingFile | None:
    row = session.execute(
        select(Booking, Visit, _CUSTOMER, _CHEF)
        .join(Visit, Visit.booking_id == Booking.id)
        .join(_CUSTOMER, _CUSTOMER.id == Booking.customer_id)
        .outerjoin(_CHEF, _CHEF.id == Booking.provider_id)
        .where(Booking.id == booking_id)
    ).one_or_none()
    if row is None:
        return None
    return BookingFile(
        *row,
        offers=_offers(session, booking_id),
        payments=payments.of_booking(session, booking_id),
        events=bookings.events(session, booking_id),
        exceptions=bookings.exceptions_of(session, booking_id),
        ledger=ledger.of_booking(session, booking_id),
    )


def _offers(session: Session, booking_id: UUID) -> list[tuple[Offer, str | None]]:
    rows = session.execute(
        select(Offer, User.name)
        .join(User, User.id == Offer.chef_id)
        .where(Offer.booking_id == booking_id)
        .order_by(Offer.offered_at, Offer.id)
    ).all()
    return [(row[0], row[1]) for row in rows]
