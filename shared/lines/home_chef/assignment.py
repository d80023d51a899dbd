"""An admin decides who cooks: one chef by name, asked before or not, or whoever is next (PRODUCT, "A booking", Chef)."""

from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy.orm import Session

from shared.bookings.history import Actor, close_exceptions
from shared.bookings.lifecycle import Answer, Status
from shared.bookings.models import SLOT_TAKEN, Booking
from shared.bookings.queries import BookingNotFound
from shared.kit.database import ConstraintViolated
from shared.kit.errors import Invalid
from shared.lines.home_chef import offers, queries, reassignment
from shared.lines.home_chef.chefs import candidates
from shared.lines.home_chef.lifecycle import OfferState
from shared.lines.home_chef.offers import not_allowed
from shared.lines.home_chef.queries import ChefBookingRow
from shared.lines.home_chef.reassignment import NO_CHEF, Begin, Case, Leaving
from shared.lines.home_chef.telling import tell_chef
from shared.lines.home_chef.visits import ChefUnavailable


def remove(begin: Begin, booking_id: UUID, reason: str | None, now: datetime) -> ChefBookingRow:
    """Take a visit from its chef: the next free one is asked. Raises BookingNotFound, StepNotAllowed."""
    return reassignment.pass_on(begin, booking_id, partial(_removed, reason), now)


def _removed(reason: str | None, case: Case) -> Leaving | None:
    _refuse_what_is_under_way(case.row.booking)
    if case.row.booking.answer == Answer.UNASSIGNED:
        return None
    return Leaving(OfferState.WITHDRAWN, "chef_removed", reason)


def assign(begin: Begin, booking_id: UUID, chef_id: UUID, reason: str | None, now: datetime) -> ChefBookingRow:
    """Ask one chef, whatever their week says and whoever was asked before; it is theirs already: nothing changes.

    Raises BookingNotFound, Invalid (no verified, active chef), ChefUnavailable (another visit then), StepNotAllowed.
    """
    try:
        with begin() as (session, actor):
            return _assign(session, actor, booking_id, chef_id, reason, now)
    except ConstraintViolated as violation:
        if violation.constraint != SLOT_TAKEN:
            raise
        raise ChefUnavailable("This chef has another visit then.", nearest=[]) from violation


def _assign(
    session: Session, actor: Actor, booking_id: UUID, chef_id: UUID, reason: str | None, now: datetime
) -> ChefBookingRow:
    if not queries.exists(session, booking_id):
        raise BookingNotFound
    if not candidates.lock_chef(session, chef_id):
        raise Invalid("chef_id", "is not a verified, active chef")
    row = queries.locked_with_offer(session, booking_id)
    _refuse_what_is_under_way(row.booking)
    if row.booking.provider_id == chef_id:
        return row
    offers.end(session, row.booking, OfferState.WITHDRAWN, now, reason)
    session.flush()
    tell_chef(session, row.booking, row.visit, "visit_withdrawn", now)
    case = Case(session, actor, row, now)
    reassignment.give(case, chef_id, Leaving(OfferState.WITHDRAWN, "chef_assigned", reason))
    close_exceptions(session, NO_CHEF, booking_id, actor, "A chef has been asked.", now)
    return row


def _refuse_what_is_under_way(booking: Booking) -> None:
    if booking.status not in {Status.PENDING, Status.CONFIRMED}:
        raise not_allowed(booking, Status.CONFIRMED, "The chef of a visit changes before it starts.")
