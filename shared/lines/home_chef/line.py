"""How a chef's visit reacts to what happens to its booking: this line's side of `shared.bookings.line.Line`."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from shared.bookings.history import SYSTEM, move
from shared.bookings.lifecycle import Answer, Status
from shared.bookings.line import Returned
from shared.bookings.models import Booking
from shared.invoices import queries as invoices
from shared.kit.database import Database
from shared.kit.letter import Letter
from shared.lines.home_chef import cancellation, deadlines, messages, offers, overtaken, queries, quotes, reminding
from shared.lines.home_chef.telling import tell_chef, tell_customer


def on_paid(session: Session, booking: Booking, now: datetime) -> None:
    """The payment confirms the booking and starts the clock of the offer; customer and chef are told."""
    visit = queries.visit_of(session, booking.id)
    if booking.status == Status.PENDING:
        move(session, booking, Status.CONFIRMED, SYSTEM, now, kind="confirmed", reason="paid")
    session.flush()
    tell_customer(session, booking, visit, "confirmed", now)
    if booking.answer == Answer.ACCEPTED:
        tell_chef(session, booking, visit, "visit_paid", now)
    else:
        offers.ask(session, booking, visit, now)


def on_unpaid(session: Session, booking: Booking, why: str, now: datetime) -> None:
    cancellation.cancel_unpaid(session, booking, why, now)


def keep_deadlines(db: Database, now: datetime) -> dict[str, int]:
    return deadlines.keep(db, now)


def pay_by(session: Session, booking: Booking, now: datetime) -> datetime:
    return offers.pay_by_once_confirmed(queries.visit_of(session, booking.id), now)


def on_refund_decided(session: Session, booking: Booking, refund: Returned, now: datetime) -> None:
    visit = queries.visit_of(session, booking.id)
    tell_customer(session, booking, visit, "refund_decided", now, subject=refund.id, amount=refund.amount)
    invoices.credit(session, booking.id, refund.id, refund.amount, now)


def on_refund_owed(session: Session, booking: Booking, refund: Returned, now: datetime) -> None:
    visit = queries.visit_of(session, booking.id)
    tell_customer(session, booking, visit, "refund_on_its_way", now, subject=refund.id, amount=refund.amount)


def on_refunded(session: Session, booking: Booking, refund: Returned, now: datetime) -> None:
    visit = queries.visit_of(session, booking.id)
    tell_customer(session, booking, visit, "refunded", now, subject=refund.id, amount=refund.amount)


def letter(kind: str, facts: dict[str, Any], name: str | None) -> Letter:
    return messages.letter(kind, facts, name)


def is_current(session: Session, kind: str, subject_id: UUID, facts: dict[str, Any]) -> bool:
    return overtaken.is_current(session, kind, subject_id, facts)


def remind(db: Database, now: datetime) -> dict[str, int]:
    return reminding.remind(db, now)


def tidy(session: Session, now: datetime, limit: int) -> int:
    return quotes.forget(session, now, limit)
