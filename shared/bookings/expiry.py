"""Unpaid bookings are cancelled on time: the sweep makes it sure (PRODUCT, "A booking", Unpaid)."""

from datetime import datetime
from uuid import UUID

from shared.bookings import queries
from shared.bookings.lifecycle import ACTIVE, UNPAID
from shared.bookings.line import Lines
from shared.bookings.models import Booking
from shared.kit import log
from shared.kit.database import Database

BATCH = 200
logger = log.logger(__name__)


def is_overdue(booking: Booking, now: datetime) -> bool:
    return (
        booking.status in ACTIVE
        and booking.payment_status in UNPAID
        and booking.pay_by is not None
        and booking.pay_by <= now
    )


def expire(db: Database, lines: Lines, now: datetime) -> dict[str, int]:
    """Cancel every booking whose time to pay is over, each in a transaction of its own, decided on its locked row.

    One that cannot be cancelled is logged and tried again by the next sweep; it does not keep the others.
    """
    with db.reading() as session:
        overdue = queries.past_deadline(session, now, BATCH)
    cancelled = 0
    for booking_id in overdue:
        try:
            cancelled += _cancel(db, lines, booking_id, now)
        except Exception as error:
            told = log.fields(alarm="expiry", booking_id=str(booking_id), error=type(error).__name__)
            logger.exception("booking not cancelled", extra=told)
    return {"overdue": len(overdue), "cancelled": cancelled}


def _cancel(db: Database, lines: Lines, booking_id: UUID, now: datetime) -> bool:
    with db.transaction() as session:
        booking = queries.locked(session, booking_id)
        if is_overdue(booking, now):
            lines(booking.line).on_unpaid(session, booking, "unpaid", now)
            return True
    return False


def cancel_unpaid_of(db: Database, lines: Lines, customer_id: UUID, now: datetime) -> int:
    """Cancel every unpaid booking of a customer who is blocked; returns how many there were."""
    with db.reading() as session:
        unpaid = queries.unpaid_of(session, customer_id)
    for booking_id in unpaid:
        with db.transaction() as session:
            booking = queries.locked(session, booking_id)
            if booking.status in ACTIVE and booking.payment_status in UNPAID:
                lines(booking.line).on_unpaid(session, booking, "blocked", now)
    return len(unpaid)
