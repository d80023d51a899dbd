"""The next step of a visit, taken by its chef or by an admin (PRODUCT, "A booking", Chef)."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from uuid import UUID

from shared.bookings.history import move
from shared.bookings.lifecycle import BOOKING, Answer, Status
from shared.bookings.queries import BookingNotFound
from shared.lines.home_chef import cancellation, completion, offers, queries, reassignment, starting
from shared.lines.home_chef.lifecycle import ChefStep, OfferState
from shared.lines.home_chef.offers import OfferGone, not_allowed
from shared.lines.home_chef.queries import ChefBookingRow
from shared.lines.home_chef.reassignment import Begin, Case, Leaving


def by_chef(
    begin: Begin, booking_id: UUID, step: ChefStep, reason: str | None, window: int, now: datetime
) -> ChefBookingRow:
    """Take a chef's next step with a booking and return it; the state it is in already changes nothing.

    `begin` opens a transaction that knows who acts; `window` is how many minutes before the start it may be started
    (0: at any time). Raises BookingNotFound, StepNotAllowed (naming the states), OfferGone, TooEarly.
    """
    if step is ChefStep.DECLINED:
        return reassignment.pass_on(begin, booking_id, partial(_declined, reason), now)
    with begin() as (session, actor):
        row = queries.locked_of_chef(session, actor.id, booking_id) if actor.id else None
        if row is None:
            raise BookingNotFound
        is_so = row.booking.status == step and (step != ChefStep.CONFIRMED or row.booking.answer == Answer.ACCEPTED)
        if not is_so:
            _take(Case(session, actor, row, now), step, reason, window)
        return row


def _take(case: Case, step: ChefStep, reason: str | None, window: int) -> None:
    booking, visit = case.row.booking, case.row.visit
    match step:
        case ChefStep.CONFIRMED:
            offers.accept(case.session, case.row, case.actor, case.now)
        case ChefStep.IN_PROGRESS:
            starting.start(case.session, booking, visit, case.actor, window, case.now)
        case ChefStep.COMPLETED:
            _complete(case, reason)
        case _ if booking.status == Status.CONFIRMED and booking.answer == Answer.ACCEPTED:
            _cancel(case, reason, "chef")
        case _:
            raise not_allowed(booking, Status.CANCELLED, "Only a visit you have accepted is yours to cancel.")


def _declined(reason: str | None, case: Case) -> Leaving:
    booking, offer = case.row.booking, case.row.offer
    if booking.provider_id != case.actor.id or offer is None:
        raise BookingNotFound
    if booking.status not in {Status.PENDING, Status.CONFIRMED}:
        raise not_allowed(booking, ChefStep.DECLINED)
    if case.row.visit.starts_at <= case.now:
        raise not_allowed(booking, ChefStep.DECLINED, "A visit is declined before it starts.")
    if offers.is_over(offer, case.now):
        raise OfferGone
    return Leaving(OfferState.DECLINED, "declined", reason)


def by_admin(begin: Begin, booking_id: UUID, status: Status, reason: str | None, now: datetime) -> ChefBookingRow:
    """Move a booking as an admin: confirm, start, complete or cancel it, with all the rules but the start's window.

    Raises BookingNotFound, StepNotAllowed; the state it is in already changes nothing.
    """
    with begin() as (session, actor):
        if not queries.exists(session, booking_id):
            raise BookingNotFound
        row = queries.locked_with_offer(session, booking_id)
        if row.booking.status != status:
            _AS_ADMIN[status](Case(session, actor, row, now), reason)
        return row


def _confirm(case: Case, reason: str | None) -> None:
    session, booking, visit = case.session, case.row.booking, case.row.visit
    if not BOOKING.allows(Status(booking.status), Status.CONFIRMED):
        raise not_allowed(booking, Status.CONFIRMED)
    move(session, booking, Status.CONFIRMED, case.actor, case.now, kind="confirmed", reason=reason)
    if booking.pay_by is not None:
        booking.pay_by = offers.pay_by_once_confirmed(visit, case.now)
    session.flush()
    offers.ask(session, booking, visit, case.now)


def _start(case: Case, _: str | None) -> None:
    starting.start(case.session, case.row.booking, case.row.visit, case.actor, 0, case.now)


def _complete(case: Case, reason: str | None) -> None:
    booking = case.row.booking
    if not BOOKING.allows(Status(booking.status), Status.COMPLETED):
        raise not_allowed(booking, Status.COMPLETED)
    completion.complete(case.session, booking, case.row.visit, case.actor, reason, case.now)


def _cancel(case: Case, reason: str | None, why: str) -> None:
    booking = case.row.booking
    if not BOOKING.allows(Status(booking.status), Status.CANCELLED):
        raise not_allowed(booking, Status.CANCELLED)
    visit = case.row.visit
    cancellation.cancel_in_full(case.session, booking, visit, case.actor, reason or why, why, case.now)


def _back(case: Case, _: str | None) -> None:
    raise not_allowed(case.row.booking, Status.PENDING)


_AS_ADMIN: dict[Status, Callable[[Case, str | None], None]] = {
    Status.PENDING: _back,
    Status.CONFIRMED: _confirm,
    Status.IN_PROGRESS: _start,
    Status.COMPLETED: _complete,
    Status.CANCELLED: partial(_cancel, why="operator"),
}
