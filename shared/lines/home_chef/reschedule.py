"""A customer moves a visit: same chef, guests and hours, another time, its price quoted anew (PRODUCT, "A booking").

The chef's row is locked before the booking's, so that what decides about the time (week, days off, visits) is read
after everybody who could change it, and stands until the commit.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from shared.bookings.expiry import is_overdue
from shared.bookings.history import Actor, note
from shared.bookings.lifecycle import Answer, Status
from shared.bookings.models import SLOT_TAKEN, Booking
from shared.bookings.queries import BookingNotFound
from shared.idempotency import queries as idempotency
from shared.idempotency.queries import Key
from shared.kit.clock import instant, local, minutes
from shared.kit.database import ConstraintViolated, TransactionConflict
from shared.kit.errors import DependencyDown, Invalid, Refusal
from shared.lines.home_chef import offers, own, pricing, queries, visits
from shared.lines.home_chef.cancellation import standing
from shared.lines.home_chef.chefs import candidates
from shared.lines.home_chef.models import Offer, Visit
from shared.lines.home_chef.pricing import Breakdown
from shared.lines.home_chef.schemas import BookingView, RescheduleQuery, RescheduleRequest
from shared.lines.home_chef.tariff import Tariff
from shared.lines.home_chef.telling import since_move, tell_chef, tell_customer
from shared.lines.home_chef.terms import percentage
from shared.lines.home_chef.views import booking_view
from shared.payments import queries as payments
from shared.payments import refunding
from shared.payments.checkout import PaymentInProgress
from shared.payments.gateway import SMALLEST
from shared.payments.lifecycle import Cause
from shared.payments.models import Attempt, Payment
from shared.sign_in.sessions import Caller
from shared.users.models import CUSTOMER

MOVES = 2
LATEST = timedelta(hours=4)  # before the start it has now
TRIES = 3  # against whoever does not take the chef's row first
Begin = Callable[[], AbstractContextManager[tuple[Session, Caller]]]
KeyOf = Callable[[Caller], Key | None]
Wish = RescheduleQuery | RescheduleRequest


class NotReschedulable(Refusal):
    code, title = "not_reschedulable", "It cannot be moved"


class PriceHigher(Refusal):
    """A paid visit moves only to a time that costs no more."""

    code, title = "price_higher", "It costs more then"


class PriceChanged(Refusal):
    """The price at the new time is no longer what the customer agreed to."""

    code, title = "price_changed", "The price has changed"


@dataclass(frozen=True)
class Preview:
    """What moving would make of the price, in paise; `difference` is negative where it costs less."""

    total: int
    difference: int
    refund: int


@dataclass(frozen=True)
class _Found:
    """A booking about to be moved, with the rows it is decided on, locked; `refunded` is what went back of its total."""

    booking: Booking
    visit: Visit
    payment: Payment
    paid_by: Attempt | None
    refunded: int


@dataclass(frozen=True)
class _Move:
    """Where a visit goes, and what that makes of its price."""

    found: _Found
    starts_at: datetime
    ends_at: datetime
    tariff: Tariff
    breakdown: Breakdown
    refund: int

    @property
    def preview(self) -> Preview:
        total = self.breakdown.total
        return Preview(total, total - self.found.booking.total, self.refund)


def preview(session: Session, customer_id: UUID, booking_id: UUID, wish: RescheduleQuery, now: datetime) -> Preview:
    """Return what moving there would cost now; refuses what moving would refuse."""
    return _decide(session, customer_id, booking_id, wish, now).preview


def reschedule(begin: Begin, booking_id: UUID, request: RescheduleRequest, key_of: KeyOf, now: datetime) -> BookingView:
    """Move a customer's own visit and return the booking as they see it; the chef is asked anew.

    `begin` opens a transaction whose first statement locks its caller. Raises BookingNotFound, NotReschedulable,
    PaymentInProgress, PriceHigher, PriceChanged, Overlapping, ChefUnavailable with the nearest free times, Invalid for
    a time that cannot be booked, and Replayed for a key answered before.
    """
    for _ in range(TRIES):
        try:
            with begin() as (session, caller):
                return _try(session, caller, booking_id, request, key_of(caller), now)
        except ConstraintViolated as violation:
            if violation.constraint != SLOT_TAKEN:
                raise
        except TransactionConflict:
            continue
    raise DependencyDown("Too many people are booking at once. Please try again.", retry_after=1)


def _try(
    session: Session, caller: Caller, booking_id: UUID, request: RescheduleRequest, key: Key | None, now: datetime
) -> BookingView:
    idempotency.replay(session, key, now)
    move = _decide(session, caller.id, booking_id, request, now)
    total = move.breakdown.total
    if request.expected_total is not None and request.expected_total != total:
        raise PriceChanged("The price is not what you were shown. Look again before you move it.", total=total / 100)
    _apply(session, move, request, now)
    found = own.of_customer(session, caller.id, booking_id)
    assert found, "it was found before"  # noqa: S101
    view = booking_view(*found)
    idempotency.store(session, key, 200, view.model_dump(mode="json"), now)
    return view


def _decide(session: Session, customer_id: UUID, booking_id: UUID, wish: Wish, now: datetime) -> _Move:
    found = _locked(session, customer_id, booking_id)
    _refuse_what_stays(session, found, now)
    visit = found.visit
    starts_at = instant(wish.booking_date, wish.time_slot, visit.time_zone)
    if starts_at == visit.starts_at:
        raise Invalid("time_slot", "is the time it has already")
    ends_at = starts_at + timedelta(hours=visit.duration_hours)
    facts = candidates.at_another_time(session, found.booking, starts_at, ends_at, now)
    tariff = Tariff.from_row(facts.rates)
    visits.refuse_time(starts_at, tariff, now)
    if facts.overlapping is not None:
        raise visits.Overlapping(f"You have booked {facts.overlapping} at that time.", ref=facts.overlapping)
    _refuse_busy(session, found.booking, starts_at, ends_at, tariff, now, takes_visits=facts.takes_visits)
    asked = pricing.quote(visit.rate, visit.duration_hours, visit.guest_count, wish.time_slot, tariff)
    return _Move(found, starts_at, ends_at, tariff, *_price(found, asked))


def _locked(session: Session, customer_id: UUID, booking_id: UUID) -> _Found:
    held = candidates.hold_chef(session, customer_id, booking_id)
    if held is None:
        raise BookingNotFound
    owed = payments.locked(session, booking_id)
    if owed.booking.provider_id != held.id:
        raise TransactionConflict("another chef was found meanwhile")
    paid_by = payments.applied_attempt(session, owed.payment.id)
    refunded = payments.returned(session, paid_by, owed.booking.total) if paid_by else 0
    return _Found(owed.booking, queries.visit_of(session, booking_id), owed.payment, paid_by, refunded)


def _refuse_what_stays(session: Session, found: _Found, now: datetime) -> None:
    booking = found.booking
    if booking.status not in {Status.PENDING, Status.CONFIRMED}:
        raise NotReschedulable(f"A booking that is {booking.status} cannot be moved.", current=booking.status)
    if booking.answer == Answer.UNASSIGNED:
        raise NotReschedulable("It has no chef at the moment.")
    if found.visit.rescheduled >= MOVES:
        raise NotReschedulable(f"It has been moved {MOVES} times.")
    if now > found.visit.starts_at - LATEST:
        raise NotReschedulable("It can be moved until 4 h before its start.")
    if is_overdue(booking, now):
        raise NotReschedulable("The time to pay it is over.")
    if payments.live_attempt(session, found.payment.id) is not None:
        raise PaymentInProgress
    if payments.under_review(session, booking.id):
        raise NotReschedulable("A payment of this booking is being looked at by a person.")


def _refuse_busy(
    session: Session,
    booking: Booking,
    starts_at: datetime,
    ends_at: datetime,
    tariff: Tariff,
    now: datetime,
    *,
    takes_visits: bool,
) -> None:
    assert booking.provider_id is not None, "a booking that is moved has its chef"  # noqa: S101 - the CHECK holds it
    if not takes_visits:
        raise visits.ChefUnavailable("This chef takes no visits at the moment.", nearest=[])
    gap = minutes(tariff.gap_minutes)
    known = visits.calendar(session, booking.provider_id, starts_at, ends_at, gap, without=booking.id)
    if not known.is_free(starts_at, ends_at):
        raise visits.unavailable(known, starts_at, ends_at, tariff, now)


def _price(found: _Found, asked: Breakdown) -> tuple[Breakdown, int]:
    """Return the price after the move and what goes back of it.

    A difference that a gateway could not send (under ₹1, or leaving less) changes nothing: what was paid stays the price.
    """
    booking = found.booking
    if found.paid_by is None:
        return asked, 0
    cheaper = booking.total - asked.total
    if cheaper < 0:
        detail = "A paid visit moves only to a time that costs no more."
        raise PriceHigher(detail, total=asked.total / 100, difference=-cheaper / 100)
    rest = booking.total - found.refunded - cheaper
    if cheaper >= SMALLEST and (rest == 0 or rest >= SMALLEST):
        return asked, cheaper
    return Breakdown(**booking.breakdown), 0


def _apply(session: Session, move: _Move, request: RescheduleRequest, now: datetime) -> None:
    booking, visit = move.found.booking, move.found.visit
    came_from = visit.starts_at
    visit.refund_cap_bp, _ = percentage(standing(booking, visit, move.found.refunded), visit.cancellation, now)
    visit.rescheduled += 1
    visit.booking_date, visit.time_slot = request.booking_date, request.time_slot
    visit.starts_at, visit.ends_at = move.starts_at, move.ends_at
    booking.held = Range(move.starts_at, move.ends_at + minutes(move.tariff.gap_minutes))
    booking.pay_by = offers.pay_by_once_moved(booking, visit, now)
    _charge(session, move, now)
    offer = offers.ask_again(session, booking, visit, now)
    times = {"from": came_from.isoformat(), "to": visit.starts_at.isoformat()}
    note(session, booking, Actor(CUSTOMER, booking.customer_id), now, kind="rescheduled", **times, total=booking.total)
    session.flush()
    _tell(session, move, came_from, offer, now)


def _tell(session: Session, move: _Move, came_from: datetime, offer: Offer | None, now: datetime) -> None:
    booking, visit = move.found.booking, move.found.visit
    before, once = local(came_from, visit.time_zone), since_move(visit)
    was: dict[str, Any] = {"from_day": before.date().isoformat(), "from_time": f"{before:%H:%M}"}
    tell_customer(session, booking, visit, "rescheduled", now, once=once, **was, amount=move.refund)
    if booking.status == Status.CONFIRMED:  # an unpaid visit that nobody confirmed is no news to its chef
        by = offer.expires_at.isoformat() if offer and offer.expires_at else None
        tell_chef(session, booking, visit, "visit_moved", now, once=once, **was, answer_by=by)


def _charge(session: Session, move: _Move, now: datetime) -> None:
    """Make the price the new one: owed as it is while unpaid, once paid the difference on its way back."""
    booking, visit, payment = move.found.booking, move.found.visit, move.found.payment
    if move.breakdown.total != booking.total:
        visit.earning = pricing.earning(move.breakdown.subtotal, move.tariff)
        booking.total, booking.breakdown = move.breakdown.total, move.breakdown.to_row()
    if move.found.paid_by is None:
        payment.amount = booking.total
    elif move.refund:
        refunding.decide(session, move.found.paid_by, move.refund, reason=Cause.RESCHEDULED, now=now)
