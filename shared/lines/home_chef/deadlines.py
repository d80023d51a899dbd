"""What time does to a visit: offers lapse, nobody comes, nothing starts, nobody says that it is over (PRODUCT, "A booking").

The scheduled job makes sure of each; every visit is decided on its locked row, in a transaction of its own.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from shared.bookings import queries as bookings
from shared.bookings.history import SYSTEM, Actor, open_exception
from shared.bookings.lifecycle import Answer, Status
from shared.kit import log
from shared.kit.database import Database
from shared.lines.home_chef import cancellation, completion, offers, queries, reassignment
from shared.lines.home_chef.lifecycle import OfferState
from shared.lines.home_chef.reassignment import NO_CHEF, Begin, Case, Leaving
from shared.users.models import User

BATCH = 200
logger = log.logger(__name__)


def keep(db: Database, now: datetime) -> dict[str, int]:
    """Do what is due; returns how many visits each rule met. One that fails is logged and does not keep the others."""
    rules: dict[str, Callable[[Database, UUID, datetime], object]] = {
        "offer_lapsed": lapse,
        "chef_inactive": _without_an_inactive_chef,
        "no_chef": _give_up,
        "not_started": _not_started,
        "completed": _complete,
    }
    with db.reading() as session:
        due = queries.due(session, now, BATCH)
    for rule, booking_id in due:
        try:
            rules[rule](db, booking_id, now)
        except Exception as error:
            told = log.fields(alarm="deadline", rule=rule, booking_id=str(booking_id), error=type(error).__name__)
            logger.exception("deadline not kept", extra=told)
    return {rule: sum(name == rule for name, _ in due) for rule in rules}


def lapse(db: Database, booking_id: UUID, now: datetime) -> None:
    """End an offer that was not answered in time and ask the next chef; answered or moved meanwhile, nothing changes."""
    reassignment.pass_on(as_system(db), booking_id, _lapsed, now)


def _lapsed(case: Case) -> Leaving | None:
    offer = case.row.offer
    return Leaving(OfferState.LAPSED, "offer_lapsed") if offer and offers.is_over(offer, case.now) else None


def leave(db: Database, chef_id: UUID, now: datetime) -> int:
    """Pass on every coming visit of a chef who is no longer active; returns how many there were."""
    with db.reading() as session:
        coming = queries.coming_visits(session, chef_id)
    for booking_id in coming:
        _without_an_inactive_chef(db, booking_id, now)
    return len(coming)


def _without_an_inactive_chef(db: Database, booking_id: UUID, now: datetime) -> None:
    reassignment.pass_on(as_system(db), booking_id, _inactive, now)


def _inactive(case: Case) -> Leaving | None:
    booking = case.row.booking
    chef = case.session.get(User, booking.provider_id) if booking.provider_id else None
    if booking.status not in {Status.PENDING, Status.CONFIRMED} or chef is None or chef.is_active:
        return None
    return Leaving(OfferState.WITHDRAWN, "chef_left")


def _give_up(db: Database, booking_id: UUID, now: datetime) -> None:
    """Cancel a paid visit to which nobody comes, while its customer can still make other plans."""
    with db.transaction() as session:
        row = queries.locked_with_offer(session, booking_id)
        if row.booking.status == Status.CONFIRMED and row.booking.answer == Answer.UNASSIGNED:
            cancellation.cancel_in_full(session, row.booking, row.visit, SYSTEM, NO_CHEF, NO_CHEF, now)


def _not_started(db: Database, booking_id: UUID, now: datetime) -> None:
    with db.transaction() as session:
        booking = bookings.locked(session, booking_id)
        if booking.status == Status.CONFIRMED:
            open_exception(session, "not_started", booking.id, booking.id, now, ref=booking.ref)


def _complete(db: Database, booking_id: UUID, now: datetime) -> None:
    with db.transaction() as session:
        row = queries.locked_with_offer(session, booking_id)
        if row.booking.status == Status.IN_PROGRESS:
            completion.complete(session, row.booking, row.visit, SYSTEM, "not completed by the chef", now)


def as_system(db: Database) -> Begin:
    """Return transactions in which the system acts."""

    @contextmanager
    def begin() -> Iterator[tuple[Session, Actor]]:
        with db.transaction() as session:
            yield session, SYSTEM

    return begin
