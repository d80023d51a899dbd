"""A visit passes to another chef, at the same price, nobody asked twice (PRODUCT, "A booking", Chef).

Whoever leaves a visit (declined, lapsed, removed, deactivated) leaves it in one transaction with what follows: the next
free chef is asked; where there is none an unpaid visit is cancelled, and a paid one is a matter for an admin.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from shared.bookings.history import SYSTEM, Actor, note, open_exception
from shared.bookings.lifecycle import PAID, Answer, Status
from shared.bookings.models import SLOT_TAKEN
from shared.bookings.queries import BookingNotFound
from shared.kit import log
from shared.kit.database import ConstraintViolated, Database, TransactionConflict
from shared.kit.errors import DependencyDown
from shared.lines.home_chef import cancellation, offers, queries, visits
from shared.lines.home_chef.chefs import candidates
from shared.lines.home_chef.lifecycle import OfferState
from shared.lines.home_chef.models import Visit
from shared.lines.home_chef.queries import ChefBookingRow
from shared.lines.home_chef.telling import tell_chef, tell_customer
from shared.users.models import User

NO_CHEF = "no_chef"
TRIES = 20
Begin = Callable[[], AbstractContextManager[tuple[Session, Actor]]]
logger = log.logger(__name__)


@dataclass(frozen=True)
class Leaving:
    """Why the chef of a visit no longer comes: the end of the offer, and the name of the event."""

    end: OfferState
    kind: str
    reason: str | None = None


@dataclass
class Search:
    """Who was met by others first while this was deciding, and who is being tried."""

    taken: list[UUID] = field(default_factory=list)
    tried: UUID | None = None

    def go_on_after(self, violation: ConstraintViolated) -> None:
        if violation.constraint != SLOT_TAKEN or self.tried is None:
            raise violation
        self.taken.append(self.tried)


@dataclass(frozen=True)
class Case:
    """A booking with its rows locked, and who does something about it when."""

    session: Session
    actor: Actor
    row: ChefBookingRow
    now: datetime


class Moved(Exception):
    """What was read before the locks is no longer so: decide again."""


Leave = Callable[[Case], Leaving | None]


def pass_on(begin: Begin, booking_id: UUID, leave: Leave, now: datetime) -> ChefBookingRow:
    """Let the chef of a booking leave it as `leave` decides on the locked rows (None: nothing is to be done).

    `begin` opens a transaction that knows who acts. Returns the booking as the leaving chef's. Raises BookingNotFound
    and whatever `leave` raises.
    """
    return retried(begin, lambda session, actor, search: _try(session, actor, booking_id, leave, search, now))


def retried(begin: Begin, act: Callable[[Session, Actor, Search], ChefBookingRow]) -> ChefBookingRow:
    """Do it in a transaction of its own, again with somebody else where a chef was taken meanwhile."""
    search = Search()
    for _ in range(TRIES):
        try:
            with begin() as (session, actor):
                return act(session, actor, search)
        except ConstraintViolated as violation:
            search.go_on_after(violation)
        except (Moved, TransactionConflict):
            continue
    raise DependencyDown("Too much is changing at once. Please try again.", retry_after=1)


def _try(
    session: Session, actor: Actor, booking_id: UUID, leave: Leave, search: Search, now: datetime
) -> ChefBookingRow:
    # The next chef's row is taken before the booking's: the order of locks. It is taken in vain when nobody leaves.
    known = session.get(Visit, booking_id)
    if known is None:
        raise BookingNotFound
    start = known.starts_at
    looking = visits.search(start, known.ends_at, search.taken, now)
    candidate = candidates.next_chef(session, {"booking": booking_id, "chef": None, **looking})
    if candidate is not None and not candidate.locked:
        raise Moved
    search.tried = candidate.id if candidate else None
    row = queries.locked_with_offer(session, booking_id)
    if row.visit.starts_at != start:
        raise Moved
    case = Case(session, actor, row, now)
    leaving = leave(case)
    if leaving is not None:
        _leave(case, leaving)
        if candidate is not None:
            give(case, candidate.id, leaving)
        else:
            _nobody(case, leaving)
    return row


def _leave(case: Case, leaving: Leaving) -> None:
    offers.end(case.session, case.row.booking, leaving.end, case.now, leaving.reason)
    case.session.flush()
    if leaving.end != OfferState.DECLINED:
        offer = case.row.offer
        once = str(offer.id) if offer else None
        tell_chef(case.session, case.row.booking, case.row.visit, "visit_withdrawn", case.now, once=once)


def give(case: Case, chef_id: UUID, leaving: Leaving) -> None:
    """Ask a chef whose row is locked to take a locked booking; the customer is told who comes."""
    session, booking, visit = case.session, case.row.booking, case.row.visit
    before = booking.provider_id
    booking.provider_id, booking.answer = chef_id, Answer.AWAITING
    visit.chef_changed_at = case.now
    session.flush()  # a chef taken meanwhile is refused here
    facts = {"from_chef": before and str(before), "to_chef": str(chef_id)}
    note(session, booking, case.actor, case.now, kind=leaving.kind, reason=leaving.reason, **facts)
    offer = offers.extend(session, booking, visit, chef_id, case.now)
    tell_customer(session, booking, visit, "chef_changed", case.now, subject=offer.id)


def _nobody(case: Case, leaving: Leaving) -> None:
    session, booking = case.session, case.row.booking
    left = str(booking.provider_id)
    note(session, booking, case.actor, case.now, kind=leaving.kind, reason=leaving.reason, from_chef=left)
    if booking.payment_status not in PAID:
        booking.answer = Answer.AWAITING  # nobody has accepted: the chef who left is not named any more
        cancellation.cancel_in_full(session, booking, case.row.visit, SYSTEM, NO_CHEF, NO_CHEF, case.now)
        return
    booking.provider_id, booking.answer = None, Answer.UNASSIGNED
    session.flush()
    open_exception(session, NO_CHEF, booking.id, booking.id, case.now, ref=booking.ref)
    logger.error("no chef is left for a visit", extra=log.fields(alarm=NO_CHEF, booking_id=str(booking.id)))


def leave(db: Database, chef_id: UUID, actor: Actor, now: datetime) -> int:
    """Pass on every coming visit of a chef who was deactivated; returns how many there were. The sweep finds the rest."""
    with db.reading() as session:
        coming = queries.coming_visits(session, chef_id)
    for booking_id in coming:
        pass_on(acting(db, actor), booking_id, left_behind, now)
    return len(coming)


def left_behind(case: Case) -> Leaving | None:
    """Tell why a visit whose chef is no longer active is left: a decision for `pass_on`."""
    booking = case.row.booking
    chef = case.session.get(User, booking.provider_id) if booking.provider_id else None
    if booking.status not in {Status.PENDING, Status.CONFIRMED} or chef is None or chef.is_active:
        return None
    return Leaving(OfferState.WITHDRAWN, "chef_left")


def acting(db: Database, actor: Actor) -> Begin:
    """Return transactions in which somebody acts who is no request's caller."""

    @contextmanager
    def begin() -> Iterator[tuple[Session, Actor]]:
        with db.transaction() as session:
            yield session, actor

    return begin
