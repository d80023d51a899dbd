"""Status changes of an appointment by its provider or an admin. Source: docs/product.md#offers, docs/product.md#start-and-completion."""

from datetime import datetime
from uuid import UUID

from shared.appointments import assignment, cancellation, completion, offers, queries
from shared.appointments.assignment import AssignmentContext
from shared.appointments.lifecycle import ProviderAction
from shared.appointments.line import AppointmentLine
from shared.appointments.queries import AppointmentRow
from shared.bookings import transitions
from shared.bookings.lifecycle import PAID, Acceptance, Status
from shared.bookings.line import Begin
from shared.bookings.queries import BookingNotFound
from shared.bookings.transitions import StatusChangeNotAllowed
from shared.kit.clock import minutes
from shared.kit.errors import Refusal
from shared.payments.queries import under_review


class TooEarly(Refusal):
    code, title = "too_early", "Too early to start"


def by_provider(
    begin: Begin,
    line: AppointmentLine,
    booking_id: UUID,
    action: ProviderAction,
    reason: str | None,
    window: int,
    now: datetime,
) -> AppointmentRow:
    """Change a booking's status as its provider and return it; no change if it has the status already.

    `window` is how many minutes before its start an appointment may be started (0: at any time). Raises
    BookingNotFound, StatusChangeNotAllowed (naming the statuses), OfferGone, TooEarly.
    """
    if action is ProviderAction.DECLINED:
        return assignment.decline(begin, line, booking_id, reason, now)
    with begin() as (session, actor):
        if actor.id is None:
            raise BookingNotFound
        row = queries.locked_of_provider(session, actor.id, booking_id)
        is_confirmation = action is ProviderAction.CONFIRMED
        is_so = row.booking.status.value == action and (
            not is_confirmation or row.booking.acceptance == Acceptance.ACCEPTED
        )
        if not is_so:
            _change(AssignmentContext(session, line, actor, row, now), action, reason, window)
        return row


def _change(context: AssignmentContext, action: ProviderAction, reason: str | None, window: int) -> None:
    booking = context.booking
    match action:
        case ProviderAction.CONFIRMED:
            offers.accept(context.session, context.line, context.row, context.actor, context.now)
        case ProviderAction.IN_PROGRESS:
            _start(context, window)
        case ProviderAction.COMPLETED:
            _complete(context, reason)
        case _ if "provider" not in context.line.cancellable_by:
            raise StatusChangeNotAllowed(booking, Status.CANCELLED, "Only the customer or an admin can cancel it.")
        case _ if booking.status == Status.CONFIRMED and booking.acceptance == Acceptance.ACCEPTED:
            _cancel(context, reason, context.line.provider_role)
        case _:
            detail = "You can cancel only a booking you have accepted."
            raise StatusChangeNotAllowed(booking, Status.CANCELLED, detail)


def by_admin(
    begin: Begin, line: AppointmentLine, booking_id: UUID, status: Status, reason: str | None, now: datetime
) -> None:
    """Confirm, start, complete or cancel a booking as an admin, under all rules except the start window.

    No change if it has the status already. Raises BookingNotFound, StatusChangeNotAllowed.
    """
    with begin() as (session, actor):
        queries.find(session, booking_id)
        row = queries.locked(session, booking_id)
        context = AssignmentContext(session, line, actor, row, now)
        match status:
            case _ if row.booking.status == status:
                return
            case Status.CONFIRMED:
                _confirm(context, reason)
            case Status.IN_PROGRESS:
                _start(context, 0)
            case Status.COMPLETED:
                _complete(context, reason)
            case Status.CANCELLED:
                _cancel(context, reason, "operator")
            case Status.PENDING:
                raise StatusChangeNotAllowed(row.booking, Status.PENDING)


def _confirm(context: AssignmentContext, reason: str | None) -> None:
    session, booking, appointment = context.session, context.booking, context.row.appointment
    transitions.refuse_move(booking, Status.CONFIRMED)
    transitions.move(session, booking, Status.CONFIRMED, context.actor, context.now, kind="confirmed", reason=reason)
    if booking.pay_by is not None:
        booking.pay_by = offers.pay_by_once_confirmed(context.line.policy, appointment, context.now)
    session.flush()
    offers.request_answer(session, context.line, booking, appointment, context.now)


def _start(context: AssignmentContext, window: int) -> None:
    """Start a booking that is paid and accepted, at most `window` minutes before its time (0: at any time)."""
    session, booking, appointment = context.session, context.booking, context.row.appointment
    transitions.refuse_move(booking, Status.IN_PROGRESS)
    if booking.payment_status not in PAID:
        raise StatusChangeNotAllowed(booking, Status.IN_PROGRESS, "A booking can start only once it is paid.")
    if booking.acceptance != Acceptance.ACCEPTED:
        raise StatusChangeNotAllowed(
            booking, Status.IN_PROGRESS, "A booking can start only once its provider has accepted it."
        )
    if under_review(session, booking.id):
        detail = "A payment of this booking is under manual review."
        raise StatusChangeNotAllowed(booking, Status.IN_PROGRESS, detail)
    if window and context.now < appointment.starts_at - minutes(window):
        raise TooEarly(f"A booking can be started from {window} minutes before its time.")
    completion.start(session, context.line, context.row, context.actor, context.now)


def _complete(context: AssignmentContext, reason: str | None) -> None:
    transitions.refuse_move(context.booking, Status.COMPLETED)
    completion.complete(context.session, context.line, context.row, context.actor, reason, context.now)


def _cancel(context: AssignmentContext, reason: str | None, why: str) -> None:
    transitions.refuse_move(context.booking, Status.CANCELLED)
    cancellation.cancel_in_full(
        context.session,
        context.line,
        context.booking,
        context.row.appointment,
        context.actor,
        reason or why,
        why,
        context.now,
    )
