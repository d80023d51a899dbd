"""Decide whether a visit can be moved to another time, and at what price, without changing any row.

Source: docs/product.md#reschedule.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from shared.appointments import placement
from shared.appointments import queries as appointments
from shared.appointments.models import Appointment
from shared.appointments.policy import BookingTerms
from shared.appointments.providers import queries as providers
from shared.appointments.request import Overlapping, refuse_time
from shared.bookings.expiry import is_overdue
from shared.bookings.lifecycle import Acceptance, Status
from shared.bookings.models import IS_ACTIVE, Booking
from shared.bookings.queries import BookingNotFound
from shared.kit.clock import instant
from shared.kit.database import TransactionConflict
from shared.kit.errors import Invalid, Refusal
from shared.lines.home_chef import pricing
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.pricing import Breakdown
from shared.lines.home_chef.rate_card import RateCard
from shared.lines.home_chef.schemas import RescheduleQuery, RescheduleRequest
from shared.lines.home_chef.visit import ChefUnavailable, VisitDetails
from shared.payments import queries as payments
from shared.payments.checkout import PaymentInProgress
from shared.payments.gateway import SMALLEST
from shared.payments.models import Attempt, Payment

MOST_MOVES = 2
LATEST = timedelta(hours=4)  # before its present start


class NotReschedulable(Refusal):
    code, title = "not_reschedulable", "It cannot be moved"


class PriceHigher(Refusal):
    """A paid visit can be moved only to a time that costs no more."""

    code, title = "price_higher", "That time costs more"


@dataclass(frozen=True)
class VisitRows:
    """The rows that decide a move; `refunded` is the paise of the total refunded before."""

    booking: Booking
    appointment: Appointment
    payment: Payment
    paid_by: Attempt | None
    refunded: int


@dataclass(frozen=True)
class Move:
    """The new time of a visit with its new price; amounts are paise."""

    rows: VisitRows
    starts_at: datetime
    ends_at: datetime
    terms: BookingTerms
    breakdown: Breakdown
    refund: int

    @property
    def total(self) -> int:
        return self.breakdown.total

    @property
    def difference(self) -> int:
        """The change of the price in paise, negative where it costs less."""
        return self.total - self.rows.booking.total


def read_rows(session: Session, customer_id: UUID, booking_id: UUID) -> VisitRows:
    """Return the rows of a customer's own visit without a lock. Raises BookingNotFound."""
    own = select(Booking, Payment).join(Payment, Payment.booking_id == Booking.id)
    found = own.where(Booking.id == booking_id, Booking.customer_id == customer_id, Booking.line == LINE.name)
    row = session.execute(found).first()
    if row is None:
        raise BookingNotFound
    return _rows(session, row[0], row[1], payments.applied_attempt_of(session, booking_id))


# The provider's row is locked before the booking's, in the same order as a new booking. Whether the provider is still the
# booking's is checked once the booking is locked too.
_LOCK_PROVIDER = text("""
with own as (
  select provider_id from bookings where id = :booking and customer_id = :customer and line = :line
), provider as (
  select u.id from users u join own on own.provider_id = u.id for no key update of u
)
select provider.id from own left join provider on true
""")


def lock_rows(session: Session, customer_id: UUID, booking_id: UUID) -> VisitRows:
    """Lock a customer's own visit: provider, booking, payment. Raises BookingNotFound, TransactionConflict."""
    own = {"booking": booking_id, "customer": customer_id, "line": LINE.name}
    provider = session.execute(_LOCK_PROVIDER, own).one_or_none()
    if provider is None:
        raise BookingNotFound
    locked_payment = payments.locked(session, booking_id)
    if locked_payment.booking.provider_id != provider.id:
        raise TransactionConflict("the provider changed meanwhile")
    return _rows(
        session,
        locked_payment.booking,
        locked_payment.payment,
        payments.applied_attempt(session, locked_payment.payment.id),
    )


def _rows(session: Session, booking: Booking, payment: Payment, paid_by: Attempt | None) -> VisitRows:
    refunded = payments.refunded_of_total(session, paid_by, booking.total) if paid_by else 0
    return VisitRows(booking, appointments.appointment_of(session, booking.id), payment, paid_by, refunded)


def decide(session: Session, rows: VisitRows, wish: RescheduleQuery | RescheduleRequest, now: datetime) -> Move:
    """Return the move to another time of the same chef, guests and hours, with its price.

    Raises NotReschedulable, PaymentInProgress, PriceHigher, Overlapping, ChefUnavailable with the nearest free times,
    and Invalid for a time that cannot be booked.
    """
    _refuse_fixed(session, rows, now)
    appointment, details = rows.appointment, VisitDetails.from_row(rows.appointment.details)
    starts_at = instant(wish.booking_date, wish.time_slot, appointment.time_zone)
    if starts_at == appointment.starts_at:
        raise Invalid("time_slot", "is the present time of the visit")
    ends_at = starts_at + timedelta(hours=details.duration_hours)
    found = _at_another_time(session, rows.booking, starts_at, ends_at, now)
    terms = BookingTerms.from_row(found.terms)
    refuse_time(starts_at, terms, now)
    if found.overlapping is not None:
        raise Overlapping(f"You have booked {found.overlapping} at that time.", ref=found.overlapping)
    if not found.takes_appointments:
        raise ChefUnavailable(ChefUnavailable.paused, nearest=[])
    _refuse_busy(session, rows.booking, starts_at, ends_at, terms, now)
    rates = RateCard.from_row(terms.rates)
    price = pricing.quote(details.rate, details.duration_hours, details.guest_count, wish.time_slot, rates)
    return Move(rows, starts_at, ends_at, terms, *_charged(rows, price))


def _refuse_fixed(session: Session, rows: VisitRows, now: datetime) -> None:
    booking, appointment = rows.booking, rows.appointment
    if booking.status not in {Status.PENDING, Status.CONFIRMED}:
        raise NotReschedulable(f"A booking that is {booking.status} cannot be moved.", current=booking.status)
    if booking.acceptance == Acceptance.UNASSIGNED:
        raise NotReschedulable("It has no chef at the moment.")
    if appointment.rescheduled >= MOST_MOVES:
        raise NotReschedulable(f"It has been moved {MOST_MOVES} times.")
    if now > appointment.starts_at - LATEST:
        raise NotReschedulable("It can be moved until 4 h before its start.")
    if is_overdue(booking, now):
        raise NotReschedulable("The time to pay it is over.")
    if payments.has_live_attempt(session, rows.payment.id):
        raise PaymentInProgress
    if payments.under_review(session, booking.id):
        raise NotReschedulable("A payment of this booking is under manual review.")


_AT_ANOTHER_TIME = text(f"""
with terms as (
  {LINE.terms_sql}
)
select
  (select to_jsonb(terms) from terms) as terms,
  exists (select from providers p join users u on u.id = p.user_id
    where p.user_id = :provider and p.is_verified and p.is_available and u.is_active) as takes_appointments,
  (select b.ref from bookings b join appointments a on a.booking_id = b.id
    where b.customer_id = :customer and b.id <> :booking and b.{IS_ACTIVE} and a.starts_at < :end and a.ends_at > :start
    order by a.starts_at limit 1) as overlapping
""")


def _at_another_time(session: Session, booking: Booking, start: datetime, end: datetime, now: datetime) -> Row[Any]:
    parties = {"booking": booking.id, "customer": booking.customer_id, "provider": booking.provider_id}
    return session.execute(_AT_ANOTHER_TIME, {**parties, "start": start, "end": end, "now": now}).one()


def _refuse_busy(
    session: Session, booking: Booking, starts_at: datetime, ends_at: datetime, terms: BookingTerms, now: datetime
) -> None:
    assert booking.provider_id is not None, "an assigned booking has its provider"  # noqa: S101 - a CHECK holds it
    calendar = providers.calendar(session, LINE, booking.provider_id, starts_at, ends_at, terms.gap, without=booking.id)
    if not calendar.is_free(starts_at, ends_at):
        raise placement.unavailable(LINE, calendar, starts_at, ends_at, terms, now)


def _charged(rows: VisitRows, price: Breakdown) -> tuple[Breakdown, int]:
    """Return the price after the move and its refund.

    The paid price remains if the gateway could not refund the difference (under ₹1, or leaving less than ₹1).
    """
    booking = rows.booking
    if rows.paid_by is None:
        return price, 0
    cheaper = booking.total - price.total
    if cheaper < 0:
        detail = "A paid visit can be moved only to a time that costs no more."
        raise PriceHigher(detail, total=price.total / 100, difference=-cheaper / 100)
    rest = booking.total - rows.refunded - cheaper
    if cheaper >= SMALLEST and (rest == 0 or rest >= SMALLEST):
        return price, cheaper
    return Breakdown(**booking.breakdown), 0
