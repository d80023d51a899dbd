"""A visit is offered to a chef, who answers in time or not (PRODUCT, "A booking", Chef)."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.bookings.expiry import is_overdue
from shared.bookings.history import Actor, move, note
from shared.bookings.lifecycle import BOOKING, Answer, Status
from shared.bookings.models import Booking
from shared.kit.clock import instant, local
from shared.kit.errors import Refusal
from shared.kit.ids import new_id
from shared.lines.home_chef import queries
from shared.lines.home_chef.lifecycle import OFFER, OfferState
from shared.lines.home_chef.models import Offer, Visit
from shared.lines.home_chef.queries import ChefBookingRow
from shared.lines.home_chef.telling import since_move, tell_chef, tell_customer
from shared.outbox import queries as outbox

LAPSE = "home_chef.lapse"
UNPAID_CONFIRMED_LIFE = timedelta(hours=24)
UNPAID_BEFORE_START = timedelta(hours=2)
UNPAID_AT_LEAST = timedelta(minutes=30)
SHORT_NOTICE, SHORT_OFFER, LONG_OFFER = timedelta(hours=6), timedelta(minutes=15), timedelta(hours=2)
DAY_BEGINS, DAY_ENDS = 8, 22  # local hours in which a long offer's clock runs


class StepNotAllowed(Refusal):
    code, title = "step_not_allowed", "Not possible from here"


class OfferGone(Refusal):
    code, title = "offer_gone", "This offer is over"

    def __init__(self) -> None:
        super().__init__("The time to answer this offer is over.")


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


def not_allowed(booking: Booking, target: StrEnum, why: str | None = None) -> StepNotAllowed:
    """Return the refusal of a step that the state of a booking does not take."""
    allowed = sorted(BOOKING.moves[Status(booking.status)])
    detail = why or f"A booking that is {booking.status} cannot become {target}."
    return StepNotAllowed(detail, current=booking.status, target=target, allowed=allowed)


def is_over(offer: Offer, now: datetime) -> bool:
    """Tell whether the time to answer is over, by the clock, whether or not the sweep has come to it."""
    return offer.state == OfferState.OPEN and offer.expires_at is not None and offer.expires_at <= now


def accept(session: Session, row: ChefBookingRow, actor: Actor, now: datetime) -> None:
    """Let a chef accept, in time; the payment may have come before or come after. Raises StepNotAllowed, OfferGone."""
    booking = row.booking
    if booking.status not in {Status.PENDING, Status.CONFIRMED}:
        raise not_allowed(booking, Status.CONFIRMED)
    offer = row.offer
    if offer is None or offer.state != OfferState.OPEN or is_over(offer, now):
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
    tell_customer(session, booking, row.visit, "accepted", now, subject=offer.id, once=since_move(row.visit))


def pay_by_once_confirmed(visit: Visit, now: datetime) -> datetime:
    """Return until when a visit confirmed now is to be paid: 24 h, or 2 h before its start, but never under 30 min."""
    ends = min(now + UNPAID_CONFIRMED_LIFE, visit.starts_at - UNPAID_BEFORE_START)
    return max(ends, now + UNPAID_AT_LEAST)


def end(session: Session, booking: Booking, state: OfferState, now: datetime, reason: str | None = None) -> None:
    """End the offer of a booking that this chef is no longer to answer; there may be none."""
    offer = queries.open_offer(session, booking.id)
    if offer is not None:
        offer.state = OFFER.move(OfferState(offer.state), state)
        offer.answered_at, offer.reason = now, reason


def ask(session: Session, booking: Booking, visit: Visit, now: datetime) -> None:
    """Ask the chef of a confirmed visit for an answer: the clock of an open offer starts, one that runs goes on."""
    offer = queries.open_offer(session, booking.id)
    if offer is None or offer.state != OfferState.OPEN:
        return
    if offer.expires_at is None:
        _start_clock(session, offer, visit, now)
    by = offer.expires_at and offer.expires_at.isoformat()
    tell_chef(session, booking, visit, "visit_to_answer", now, once=str(offer.id), answer_by=by)


def _start_clock(session: Session, offer: Offer, visit: Visit, now: datetime) -> None:
    offer.expires_at = offer_ends(visit.starts_at, visit.time_zone, now)
    # The sweep makes it sure, the task makes it prompt.
    outbox.add(session, LAPSE, {"booking_id": str(offer.booking_id)}, now, due_at=offer.expires_at)


def ask_again(session: Session, booking: Booking, visit: Visit, now: datetime) -> Offer | None:
    """Put a visit that was moved before its chef anew; the clock starts again where it is confirmed."""
    booking.answer = Answer.AWAITING
    offer = queries.open_offer(session, booking.id)
    if offer is not None:
        if offer.state == OfferState.ACCEPTED:
            offer.state = OFFER.move(OfferState.ACCEPTED, OfferState.OPEN)
        offer.offered_at, offer.answered_at, offer.expires_at = now, None, None
        if booking.status == Status.CONFIRMED:
            _start_clock(session, offer, visit, now)
    return offer


def extend(session: Session, booking: Booking, visit: Visit, chef_id: UUID, now: datetime) -> Offer:
    """Offer a visit whose row is locked to a chef; one asked before is asked again. The clock runs once it is confirmed."""
    session.execute(
        insert(Offer)
        .values(id=new_id(), booking_id=booking.id, chef_id=chef_id, state=OfferState.OPEN, offered_at=now)
        .on_conflict_do_update(
            index_elements=[Offer.booking_id, Offer.chef_id],
            set_={
                "id": new_id(),
                "state": OfferState.OPEN,
                "offered_at": now,
                "expires_at": None,
                "answered_at": None,
                "reason": None,
            },
        )
    )
    if booking.status == Status.CONFIRMED:
        ask(session, booking, visit, now)
    return queries.offer_of(session, booking.id)


def pay_by_once_moved(booking: Booking, visit: Visit, now: datetime) -> datetime | None:
    """Keep the deadline to pay, never later than 2 h before the new start, never under 30 min from now by that."""
    if booking.pay_by is None:
        return None
    return min(booking.pay_by, max(visit.starts_at - UNPAID_BEFORE_START, now + UNPAID_AT_LEAST))
