"""What time does to a visit: offers lapse, nobody comes, nothing starts, nobody says that it is over (PRODUCT, "A booking").

The scheduled job makes sure of each; every visit is decided on its locked row, in a transaction of its own.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from shared.bookings import queries as bookings
from shared.bookings.history import SYSTEM, open_exception
from shared.bookings.lifecycle import Answer, Status
from shared.kit import log
from shared.kit.database import Database
from shared.lines.home_chef import cancellation, completion, offers, queries, reassignment
from shared.lines.home_chef.lifecycle import OfferState
from shared.lines.home_chef.reassignment import NO_CHEF, Case, Leaving

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
    reassignment.pass_on(reassignment.acting(db, SYSTEM), booking_id, _lapsed, now)


def _lapsed(case: Case) -> Leaving | None:
    offer = case.row.offer
    return Leaving(OfferState.LAPSED, "offer_lapsed") if offer and offers.is_over(offer, case.now) else None


def _without_an_inactive_chef(db: Database, booking_id: UUID, now: datetime) -> None:
    reassignment.pass_on(reassignment.acting(db, SYSTEM), booking_id, reassignment.left_behind, now)


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
