"""Reschedule a customer's visit to another time, at the price of that time. Source: docs/product.md#reschedule."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from shared.appointments import notify, offers
from shared.appointments.cancellation import cancellation_facts
from shared.appointments.cancellation_policy import refund_share
from shared.appointments.models import Offer
from shared.bookings.history import Actor, note
from shared.bookings.lifecycle import Status
from shared.bookings.models import SLOT_TAKEN
from shared.idempotency import queries as idempotency
from shared.idempotency.queries import Key
from shared.kit.clock import local
from shared.kit.database import ConstraintViolated, TransactionConflict
from shared.kit.errors import DependencyDown, Refusal
from shared.lines.home_chef import pricing, queries
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.rate_card import RateCard
from shared.lines.home_chef.reschedule_decision import Move, decide, lock_rows, read_rows
from shared.lines.home_chef.schemas import BookingView, RescheduleQuery, RescheduleRequest, RescheduleView
from shared.lines.home_chef.views import booking_view
from shared.payments import refunding
from shared.payments.cancellation_policy import CancellationPolicy
from shared.payments.lifecycle import Cause
from shared.sign_in.sessions import Caller
from shared.users.models import CUSTOMER

TRIES = 3  # conflicts with transactions that do not lock the provider's row first
Begin = Callable[[], AbstractContextManager[tuple[Session, Caller]]]
KeyOf = Callable[[Caller], Key | None]


class PriceChanged(Refusal):
    """The price at the new time differs from the one the customer agreed to."""

    code, title = "price_changed", "The price has changed"


def preview(
    session: Session, customer_id: UUID, booking_id: UUID, wish: RescheduleQuery, now: datetime
) -> RescheduleView:
    """Return the price of another time. Takes no lock. Raises BookingNotFound and the errors of `decide`."""
    move = decide(session, read_rows(session, customer_id, booking_id), wish, now)
    return RescheduleView(total=move.total, difference=move.difference, refund=move.refund)


def reschedule(begin: Begin, booking_id: UUID, request: RescheduleRequest, key_of: KeyOf, now: datetime) -> BookingView:
    """Move a customer's own visit and return their view of it; the chef must accept again.

    `begin` opens a transaction that locks its caller. Locks: customer, provider, booking, payment. Raises
    BookingNotFound, PriceChanged, the errors of `decide`, and Replayed for a key answered before.
    """
    for _ in range(TRIES):
        try:
            with begin() as (session, caller):
                return _move(session, caller, booking_id, request, key_of(caller), now)
        except ConstraintViolated as violation:
            if violation.constraint != SLOT_TAKEN:
                raise
        except TransactionConflict:
            continue
    raise DependencyDown("Too many people are booking at once. Please try again.", retry_after=1)


def _move(
    session: Session, caller: Caller, booking_id: UUID, request: RescheduleRequest, key: Key | None, now: datetime
) -> BookingView:
    idempotency.replay(session, key, now)
    move = decide(session, lock_rows(session, caller.id, booking_id), request, now)
    if request.expected_total is not None and request.expected_total != move.total:
        detail = "The price is no longer the one you were shown. Please check it before you move the visit."
        raise PriceChanged(detail, total=move.total / 100)
    _apply(session, move, request, now)
    view = booking_view(*queries.of_customer(session, caller.id, booking_id))
    idempotency.store(session, key, 200, view.model_dump(mode="json"), now)
    return view


def _apply(session: Session, move: Move, request: RescheduleRequest, now: datetime) -> None:
    booking, appointment = move.rows.booking, move.rows.appointment
    came_from = appointment.starts_at
    facts = cancellation_facts(booking, appointment, move.rows.refunded)
    policy = CancellationPolicy.from_row(appointment.cancellation)
    appointment.refund_cap_bp, _ = refund_share(facts, policy, LINE.policy.free_after_provider_change, now)
    appointment.rescheduled += 1
    appointment.booking_date, appointment.time_slot = request.booking_date, request.time_slot
    appointment.starts_at, appointment.ends_at = move.starts_at, move.ends_at
    booking.busy_period = Range(move.starts_at, move.ends_at + move.terms.gap)
    booking.pay_by = offers.pay_by_once_rescheduled(LINE.policy, booking, appointment, now)
    _charge(session, move, now)
    offer = offers.reopen(session, LINE, booking, appointment, now)
    times = {"from": came_from.isoformat(), "to": appointment.starts_at.isoformat()}
    actor = Actor(CUSTOMER, booking.customer_id)
    note(session, booking, actor, now, kind="rescheduled", **times, total=booking.total)
    session.flush()
    _notify(session, move, came_from, offer, now)


def _charge(session: Session, move: Move, now: datetime) -> None:
    """Change the price: the payment's amount while unpaid; once paid, refund the difference."""
    booking, appointment = move.rows.booking, move.rows.appointment
    if move.total != booking.total:
        rates = RateCard.from_row(move.terms.rates)
        appointment.earning = pricing.earning(move.breakdown.subtotal, rates)
        booking.total, booking.breakdown = move.total, move.breakdown.to_row()
    if move.rows.paid_by is None:
        move.rows.payment.amount = booking.total
    elif move.refund:
        refunding.decide(session, move.rows.paid_by, move.refund, reason=Cause.RESCHEDULED, now=now)


def _notify(session: Session, move: Move, came_from: datetime, offer: Offer | None, now: datetime) -> None:
    booking, appointment = move.rows.booking, move.rows.appointment
    before, occurrence = local(came_from, appointment.time_zone), notify.reschedule_occurrence(appointment)
    from_day, from_time = before.date().isoformat(), f"{before:%H:%M}"
    notify.customer(
        session,
        LINE,
        booking,
        appointment,
        "rescheduled",
        now,
        occurrence=occurrence,
        from_day=from_day,
        from_time=from_time,
        amount=move.refund,
    )
    if booking.status == Status.CONFIRMED:  # a chef is not notified of a visit that was never confirmed
        by = offer.expires_at.isoformat() if offer and offer.expires_at else None
        notify.provider(
            session,
            LINE,
            booking,
            appointment,
            "visit_moved",
            now,
            occurrence=occurrence,
            from_day=from_day,
            from_time=from_time,
            answer_by=by,
        )
