"""Reassign an appointment to another provider at the same price. Source: docs/product.md#offers.

The system offers it to each provider once. An admin may offer it again, which replaces the earlier offer.

A change runs in sequence inside one transaction: find and lock the next provider, lock the booking, validate the
departure, release the provider, assign the next one. Without a next one, an unpaid appointment is cancelled and a paid
one waits for an admin.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from shared.appointments import cancellation, notify, offers, queries
from shared.appointments.lifecycle import OfferState, ProviderAction
from shared.appointments.line import AppointmentLine
from shared.appointments.offers import OfferGone
from shared.appointments.providers import candidates
from shared.appointments.providers.candidates import CandidateSearch, Stale
from shared.appointments.queries import AppointmentRow
from shared.bookings import transitions
from shared.bookings.history import SYSTEM, Actor, close_reviews, note, open_review
from shared.bookings.lifecycle import PAID, Acceptance, Status
from shared.bookings.line import Begin
from shared.bookings.models import SLOT_TAKEN, Booking
from shared.bookings.queries import BookingNotFound
from shared.bookings.transitions import StatusChangeNotAllowed
from shared.kit import log
from shared.kit.database import ConstraintViolated, Database
from shared.kit.errors import Invalid
from shared.users.models import User

NO_PROVIDER = "no_provider"
TRIES = 20
NOT_STARTED = frozenset({Status.PENDING, Status.CONFIRMED})
logger = log.logger(__name__)


@dataclass(frozen=True)
class Departure:
    """Why a provider leaves an appointment: the final state of the offer, the kind of the event, the reason."""

    end: OfferState
    kind: str
    reason: str | None = None


@dataclass(frozen=True)
class AssignmentContext:
    """A booking with its rows locked, the actor and the time of a change."""

    session: Session
    line: AppointmentLine
    actor: Actor
    row: AppointmentRow
    now: datetime

    @property
    def booking(self) -> Booking:
        return self.row.booking


Validate = Callable[[AssignmentContext], Departure | None]  # None: nothing is to be done


def decline(begin: Begin, line: AppointmentLine, booking_id: UUID, reason: str | None, now: datetime) -> AppointmentRow:
    """Decline an offer as its provider; the next free provider gets an offer.

    Raises BookingNotFound, StatusChangeNotAllowed, OfferGone.
    """

    def validate(context: AssignmentContext) -> Departure:
        booking, offer = context.booking, context.row.offer
        if booking.provider_id != context.actor.id or offer is None:
            raise BookingNotFound
        if booking.status not in NOT_STARTED:
            raise StatusChangeNotAllowed(booking, ProviderAction.DECLINED)
        if context.row.appointment.starts_at <= now:
            detail = "An appointment can be declined only before it starts."
            raise StatusChangeNotAllowed(booking, ProviderAction.DECLINED, detail)
        if offers.has_lapsed(offer, now):
            raise OfferGone
        return Departure(OfferState.DECLINED, "declined", reason)

    return replace(begin, line, booking_id, validate, now)


def remove(begin: Begin, line: AppointmentLine, booking_id: UUID, reason: str | None, now: datetime) -> AppointmentRow:
    """Remove the provider of an appointment as an admin; the next free provider gets an offer.

    Raises BookingNotFound, StatusChangeNotAllowed.
    """

    def validate(context: AssignmentContext) -> Departure | None:
        _refuse_started(context.booking)
        if context.booking.acceptance == Acceptance.UNASSIGNED:
            return None
        return Departure(OfferState.WITHDRAWN, line.word("provider_removed"), reason)

    return replace(begin, line, booking_id, validate, now)


def lapse(db: Database, line: AppointmentLine, booking_id: UUID, now: datetime) -> None:
    """End an offer that was not answered in time and make one to the next provider; no change if answered meanwhile."""

    def validate(context: AssignmentContext) -> Departure | None:
        offer = context.row.offer
        lapsed = offer is not None and offers.has_lapsed(offer, now)
        return Departure(OfferState.LAPSED, "offer_lapsed") if lapsed else None

    replace(as_actor(db, SYSTEM), line, booking_id, validate, now)


def release_inactive(db: Database, line: AppointmentLine, booking_id: UUID, actor: Actor, now: datetime) -> None:
    """Remove a deactivated provider from an appointment that has not started; the next free one gets an offer."""

    def validate(context: AssignmentContext) -> Departure | None:
        booking = context.booking
        provider = context.session.get(User, booking.provider_id) if booking.provider_id else None
        if booking.status not in NOT_STARTED or provider is None or provider.is_active:
            return None
        return Departure(OfferState.WITHDRAWN, line.word("provider_left"))

    replace(as_actor(db, actor), line, booking_id, validate, now)


def release_all(db: Database, line: AppointmentLine, provider_id: UUID, actor: Actor, now: datetime) -> int:
    """Release every upcoming appointment of a deactivated provider; returns how many. The job `deadlines` finds the rest."""
    with db.reading() as session:
        upcoming = queries.upcoming_of(session, provider_id)
    for booking_id in upcoming:
        release_inactive(db, line, booking_id, actor, now)
    return len(upcoming)


def replace(begin: Begin, line: AppointmentLine, booking_id: UUID, validate: Validate, now: datetime) -> AppointmentRow:
    """Replace the provider of a booking where `validate`, on the locked rows, returns a departure.

    Returns the booking with the departing provider's offer. Raises BookingNotFound, and any error of `validate`.
    """

    def decide(session: Session, actor: Actor, search: CandidateSearch) -> AppointmentRow:
        unlocked = queries.find(session, booking_id)
        start = unlocked.starts_at
        # Lock the next provider's row before the booking's; the lock is unused if no provider departs. After the start
        # there is no next one: each offer would end as soon as it is made.
        candidate_id = candidates.next_candidate(session, line, unlocked, search, now) if start > now else None
        row = queries.locked(session, booking_id)
        if row.appointment.starts_at != start:
            raise Stale
        context = AssignmentContext(session, line, actor, row, now)
        departure = validate(context)
        if departure is not None:
            _release(context, departure)
            if candidate_id is not None:
                _assign(context, candidate_id, departure)
            else:
                _cancel_or_review(context, departure)
        return row

    return candidates.retry(begin, decide, TRIES)


def assign(
    begin: Begin,
    line: AppointmentLine,
    booking_id: UUID,
    provider_id: UUID,
    reason: str | None,
    now: datetime,
    *,
    field: str = "provider_id",
) -> AppointmentRow:
    """Offer a booking to one provider as an admin, despite their week and earlier offers; no change if already assigned.

    Raises BookingNotFound, Invalid (naming `field`: no verified, active provider), ProviderUnavailable (a conflicting
    appointment), StatusChangeNotAllowed.
    """
    try:
        with begin() as (session, actor):
            queries.find(session, booking_id)
            if not candidates.lock_provider(session, line, provider_id):
                raise Invalid(field, f"is not a verified, active {line.provider_role}")
            row = queries.locked(session, booking_id)
            _refuse_started(row.booking)
            if row.booking.provider_id != provider_id:
                context = AssignmentContext(session, line, actor, row, now)
                departure = Departure(OfferState.WITHDRAWN, line.word("provider_assigned"), reason)
                _release(context, departure)
                _assign(context, provider_id, departure)
                close_reviews(session, NO_PROVIDER, booking_id, actor, "An admin has assigned a provider.", now)
            return row
    except ConstraintViolated as violation:
        if violation.constraint != SLOT_TAKEN:
            raise
        raise line.unavailable(line.unavailable.busy, nearest=[]) from violation


def _refuse_started(booking: Booking) -> None:
    if booking.status not in NOT_STARTED:
        detail = "The provider can be changed only before the booking starts."
        raise StatusChangeNotAllowed(booking, Status.CONFIRMED, detail)


def _release(context: AssignmentContext, departure: Departure) -> None:
    """End the departing provider's offer and notify the provider, unless the provider declined."""
    session, booking, row = context.session, context.booking, context.row
    offers.end(session, booking, departure.end, context.now, departure.reason)
    session.flush()
    if departure.end != OfferState.DECLINED:
        occurrence = str(row.offer.id) if row.offer else None
        notify.provider(
            session,
            context.line,
            booking,
            row.appointment,
            "visit_withdrawn",
            context.now,
            occurrence=occurrence,
        )


def _assign(context: AssignmentContext, provider_id: UUID, departure: Departure) -> None:
    """Offer a locked booking to a provider whose row is locked, and notify the customer of the new provider."""
    session, booking, appointment = context.session, context.booking, context.row.appointment
    before = booking.provider_id
    transitions.await_acceptance(booking, provider_id)
    appointment.provider_changed_at = context.now
    session.flush()  # the constraint refuses a provider who was booked meanwhile
    _note(context, departure, from_provider=before and str(before), to_provider=str(provider_id))
    offer = offers.make(session, context.line, booking, appointment, provider_id, context.now)
    notify.customer(session, context.line, booking, appointment, "provider_changed", context.now, subject=offer.id)


def _cancel_or_review(context: AssignmentContext, departure: Departure) -> None:
    """Cancel an unpaid booking that has no provider left; open a manual review of a paid one."""
    session, line, booking = context.session, context.line, context.booking
    _note(context, departure, from_provider=str(booking.provider_id))
    if booking.payment_status not in PAID:
        transitions.await_acceptance(booking)  # so that the cancelled booking shows no accepted provider
        why = line.word(NO_PROVIDER)
        cancellation.cancel_in_full(session, line, booking, context.row.appointment, SYSTEM, why, why, context.now)
        return
    transitions.release_provider(booking)
    session.flush()
    open_review(session, NO_PROVIDER, booking.id, booking.id, context.now, ref=booking.ref)
    fields = log.fields(alarm=NO_PROVIDER, booking_id=str(booking.id))
    logger.error("no provider is left for an appointment", extra=fields)


def _note(context: AssignmentContext, departure: Departure, **facts: Any) -> None:
    note(
        context.session,
        context.booking,
        context.actor,
        context.now,
        kind=departure.kind,
        reason=departure.reason,
        **facts,
    )


def as_actor(db: Database, actor: Actor) -> Begin:
    """Return a transaction factory for an actor outside a request, such as the system."""

    @contextmanager
    def begin() -> Iterator[tuple[Session, Actor]]:
        with db.transaction() as session:
            yield session, actor

    return begin
