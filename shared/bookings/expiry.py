"""Cancel unpaid bookings, at their deadline or when their customer is blocked (docs/product.md#unpaid-bookings)."""

from datetime import datetime
from uuid import UUID

from shared.bookings import queries
from shared.bookings.history import Actor, note
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


def is_unpaid(booking: Booking) -> bool:
    return booking.status in ACTIVE and booking.payment_status in UNPAID and not booking.cash_agreed


def expire(db: Database, lines: Lines, now: datetime) -> dict[str, int]:
    """Cancel all bookings past their payment deadline, each in its own transaction, decided on its locked row.

    A failure raises an alarm and does not stop the others; the next run of the job `expire` tries again. Returns counts
    for the log.
    """
    with db.reading() as session:
        overdue = queries.past_deadline(session, now, BATCH)
    cancelled = 0
    for booking_id in overdue:
        try:
            cancelled += _cancel(db, lines, booking_id, now)
        except Exception as error:
            fields = log.fields(alarm="unpaid_not_cancelled", booking_id=str(booking_id), error=type(error).__name__)
            logger.exception("booking not cancelled", extra=fields)
    return {"overdue": len(overdue), "cancelled": cancelled}


def cancel_unpaid_of(db: Database, lines: Lines, customer_id: UUID, actor: Actor, now: datetime) -> int:
    """Cancel a customer's unpaid bookings, each in its own transaction; returns how many.

    Paid bookings and those agreed as cash remain. The history names `actor`.
    """
    with db.reading() as session:
        unpaid = [booking.id for booking in queries.active_of(session, customer_id) if is_unpaid(booking)]
    return sum(_cancel_blocked(db, lines, booking_id, actor, now) for booking_id in unpaid)


def _cancel_blocked(db: Database, lines: Lines, booking_id: UUID, actor: Actor, now: datetime) -> bool:
    with db.transaction() as session:
        booking = queries.locked(session, booking_id)
        if is_unpaid(booking):
            note(session, booking, actor, now, kind="customer_blocked")
            lines(booking.line).on_unpaid(session, booking, "blocked", now)
            return True
    return False


def _cancel(db: Database, lines: Lines, booking_id: UUID, now: datetime) -> bool:
    with db.transaction() as session:
        booking = queries.locked(session, booking_id)
        if is_overdue(booking, now):
            lines(booking.line).on_unpaid(session, booking, "unpaid", now)
            return True
    return False
