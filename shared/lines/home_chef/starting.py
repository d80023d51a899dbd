"""A visit begins, or does not (PRODUCT, "A booking")."""

from datetime import datetime

from sqlalchemy.orm import Session

from shared.bookings.history import Actor, move
from shared.bookings.lifecycle import BOOKING, PAID, Answer, Status
from shared.bookings.models import Booking
from shared.kit.clock import minutes
from shared.kit.errors import Refusal
from shared.lines.home_chef.models import Visit
from shared.lines.home_chef.offers import not_allowed
from shared.lines.home_chef.telling import tell_customer
from shared.payments.queries import under_review


class TooEarly(Refusal):
    code, title = "too_early", "Too early to start"


def start(session: Session, booking: Booking, visit: Visit, actor: Actor, window: int, now: datetime) -> None:
    """Start a locked booking that is paid and accepted; `window` is minutes before its time (0: at any time).

    Raises StepNotAllowed, TooEarly.
    """
    if not BOOKING.allows(Status(booking.status), Status.IN_PROGRESS):
        raise not_allowed(booking, Status.IN_PROGRESS)
    if booking.payment_status not in PAID:
        raise not_allowed(booking, Status.IN_PROGRESS, "A visit starts when it is paid.")
    if booking.answer != Answer.ACCEPTED:
        raise not_allowed(booking, Status.IN_PROGRESS, "A visit starts when its chef has accepted it.")
    if under_review(session, booking.id):
        raise not_allowed(booking, Status.IN_PROGRESS, "A payment of this visit is being looked at by a person.")
    if window and now < visit.starts_at - minutes(window):
        raise TooEarly(f"A visit can be started from {window} min before its time.")
    move(session, booking, Status.IN_PROGRESS, actor, now, kind="started")
    visit.started_at = now
    session.flush()
    tell_customer(session, booking, visit, "started", now)
