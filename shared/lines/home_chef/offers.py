"""A chef answers for a visit, starts it and ends it (PRODUCT, "A booking", Chef)."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from shared.bookings.expiry import is_overdue
from shared.bookings.history import Actor, move, note
from shared.bookings.lifecycle import BOOKING, PAID, Answer, Status
from shared.bookings.models import Booking
from shared.kit.clock import instant, local, minutes
from shared.kit.errors import NotFound, Refusal
from shared.lines.home_chef import completion, queries
from shared.lines.home_chef.lifecycle import CHEF, OFFER, OfferState
from shared.lines.home_chef.models import Offer, Visit
from shared.lines.home_chef.queries import ChefBookingRow
from shared.lines.home_chef.telling import tell_customer
from shared.payments.queries import under_review

UNPAID_CONFIRMED_LIFE = timedelta(hours=24)
UNPAID_BEFORE_START = timedelta(hours=2)
UNPAID_AT_LEAST = timedelta(minutes=30)
SHORT_NOTICE, SHORT_OFFER, LONG_OFFER = timedelta(hours=6), timedelta(minutes=15), timedelta(hours=2)
DAY_BEGINS, DAY_ENDS = 8, 22  # local hours in which a long offer's clock runs


class BookingNotFound(NotFound):
    code = "booking_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such booking.")


class StepNotAllowed(Refusal):
    code, title = "step_not_allowed", "Not possible from here"


class OfferGone(Refusal):
    code, title = "offer_gone", "This offer is over"

    def __init__(self) -> None:
        super().__init__("The time to answer this offer is over.")


class TooEarly(Refusal):
    code, title = "too_early", "Too early to start"


def offer_ends(start: datetime, zone: str, now: datetime) -> datetime:
    """Return when an offer lapses: 15 min if the start is under 6 h away, else 2 h counted from 08:00 to 22:00 local.

    It never outlives the start: a night before an early visit has few hours that count.
    """
    if start - now < SHORT_NOTICE:
        return min(now + SHORT_OFFER, start)
    at, left = local(now, zone), LONG_OFFER
    while True:
        opens = instant(at.date(), at.min.time().replace(hour=DAY_BEGINS), zone)
        closes = instant(at.date(), at.min.time().replace(hour=DAY_ENDS), zone)
        begins = max(now, opens)
        if begins + left <= closes:
            return min(begins + left, start)
        left -= max(closes - begins, timedelta())
        at += timedelta(days=1)


def change_status(
    session: Session, chef_id: UUID, booking_id: UUID, target: Status, reason: str | None, window: int, now: datetime
) -> ChefBookingRow:
    """Take a chef's next step with a booking and return it; the state it is in already changes nothing.

    `window` is how many minutes before the start it may be started (0: at any time). Raises BookingNotFound,
    StepNotAllowed (naming the states), OfferGone, TooEarly.
    """
    row = queries.locked_of_chef(session, chef_id, booking_id)
    if row is None:
        raise BookingNotFound
    if target == row.booking.status and (target != Status.CONFIRMED or row.booking.answer == Answer.ACCEPTED):
        return row
    actor = Actor(CHEF, chef_id)
    match target:
        case Status.CONFIRMED:
            _accept(session, row, actor, now)
        case Status.IN_PROGRESS:
            _start(session, row, actor, window, now)
        case Status.COMPLETED:
            _complete(session, row, actor, reason, now)
        case _:
            raise _not_allowed(row.booking, target)
    return row


def _not_allowed(booking: Booking, target: Status, why: str | None = None) -> StepNotAllowed:
    allowed = sorted(BOOKING.moves[Status(booking.status)])
    detail = why or f"A booking that is {booking.status} cannot become {target}."
    return StepNotAllowed(detail, current=booking.status, target=target, allowed=allowed)


def _accept(session: Session, row: ChefBookingRow, actor: Actor, now: datetime) -> None:
    booking = row.booking
    if booking.status not in {Status.PENDING, Status.CONFIRMED}:
        raise _not_allowed(booking, Status.CONFIRMED)
    offer = row.offer
    if offer is None or offer.state != OfferState.OPEN or (offer.expires_at is not None and offer.expires_at <= now):
        raise OfferGone
    if is_overdue(booking, now):
        raise OfferGone  # its time to pay is over, whether or not the sweep has come to it
    offer.state = OFFER.move(OfferState(offer.state), OfferState.ACCEPTED)
    offer.answered_at = now
    if booking.status == Status.PENDING:
        move(session, booking, Status.CONFIRMED, actor, now, kind="accepted", answer=Answer.ACCEPTED)
        booking.pay_by = None if booking.cash_agreed else pay_by_once_confirmed(row.visit, now)
    else:
        booking.answer = Answer.ACCEPTED
        note(session, booking, actor, now, kind="accepted")
    session.flush()
    tell_customer(session, booking, row.visit, "accepted", now, subject=offer.id)


def pay_by_once_confirmed(visit: Visit, now: datetime) -> datetime:
    """24 h, or 2 h before the start, whichever is first; never under 30 min after the confirmation."""
    ends = min(now + UNPAID_CONFIRMED_LIFE, visit.starts_at - UNPAID_BEFORE_START)
    return max(ends, now + UNPAID_AT_LEAST)


def _start(session: Session, row: ChefBookingRow, actor: Actor, window: int, now: datetime) -> None:
    booking = row.booking
    if not BOOKING.allows(Status(booking.status), Status.IN_PROGRESS):
        raise _not_allowed(booking, Status.IN_PROGRESS)
    if booking.payment_status not in PAID:
        raise _not_allowed(booking, Status.IN_PROGRESS, "A visit starts when it is paid.")
    if booking.answer != Answer.ACCEPTED:
        raise _not_allowed(booking, Status.IN_PROGRESS, "Accept the visit before you start it.")
    if under_review(session, booking.id):
        raise _not_allowed(booking, Status.IN_PROGRESS, "A payment of this visit is being looked at by a person.")
    if window and now < row.visit.starts_at - minutes(window):
        raise TooEarly(f"A visit can be started from {window} min before its time.")
    move(session, booking, Status.IN_PROGRESS, actor, now, kind="started")
    row.visit.started_at = now


def _complete(session: Session, row: ChefBookingRow, actor: Actor, reason: str | None, now: datetime) -> None:
    if not BOOKING.allows(Status(row.booking.status), Status.COMPLETED):
        raise _not_allowed(row.booking, Status.COMPLETED)
    completion.complete(session, row.booking, row.visit, actor, reason, now)


def withdraw(session: Session, booking: Booking, now: datetime) -> None:
    """End the offer of a booking that is no longer to be answered."""
    offer = queries.open_offer(session, booking.id)
    if offer is not None:
        offer.state = OFFER.move(OfferState(offer.state), OfferState.WITHDRAWN)
        offer.answered_at = now


def begin_clock(session: Session, booking: Booking, visit: Visit, now: datetime) -> None:
    """Start the clock of the open offer: the visit is paid."""
    offer: Offer | None = queries.open_offer(session, booking.id)
    if offer is not None and offer.state == OfferState.OPEN and offer.expires_at is None:
        offer.expires_at = offer_ends(visit.starts_at, visit.time_zone, now)
