"""A visit that will not take place: its time is free again (PRODUCT, "A booking")."""

from datetime import datetime

from sqlalchemy.orm import Session

from shared.bookings.history import SYSTEM, move
from shared.bookings.lifecycle import Answer, PaymentStatus, Status
from shared.bookings.models import Booking
from shared.lines.home_chef import offers, queries
from shared.lines.home_chef.telling import tell_chef, tell_customer


def cancel_unpaid(session: Session, booking: Booking, now: datetime) -> None:
    """Cancel a locked booking whose time to pay is over; who had accepted it is told, who was only asked is not."""
    visit = queries.visit_of(session, booking.id)
    offers.withdraw(session, booking, now)
    accepted = booking.answer == Answer.ACCEPTED
    tell_customer(session, booking, visit, "cancelled_unpaid", now)
    if accepted:
        tell_chef(session, booking, visit, "cancelled_unpaid", now)
    else:
        booking.provider_id = None
    booking.pay_by = None
    booking.cancellation_reason = "unpaid"
    answer = Answer.ACCEPTED if accepted else Answer.UNASSIGNED
    move(
        session,
        booking,
        Status.CANCELLED,
        SYSTEM,
        now,
        kind="cancelled",
        reason="unpaid",
        payment=PaymentStatus.FAILED,
        answer=answer,
    )
