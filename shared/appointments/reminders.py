"""Reminders of appointments that start soon: the day before and two hours before. Source: docs/product.md#notifications.

Several runs of the job `remind` may overlap: the notification's deduplication key contains the start, so that each user
is reminded once. A reschedule causes new reminders, and a provider who accepts late is still reminded.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.appointments import notify, queries
from shared.appointments.line import AppointmentLine
from shared.appointments.models import Appointment
from shared.bookings import queries as bookings
from shared.bookings.lifecycle import PAID, Acceptance, Status
from shared.bookings.models import Booking
from shared.kit import log
from shared.kit.database import Database

DAY, HOURS = "reminder_day", "reminder_hours"
BATCH = 200
logger = log.logger(__name__)

# Paid appointments that start soon and lack a reminder to the customer or to the provider who has accepted.
# The first reminder is skipped for one that was booked or rescheduled after the reminder was due.
_DUE = text("""
select b.id from bookings b
cross join lateral (select lower(b.busy_period) <= cast(:hours_ahead as timestamptz) as is_last) due
cross join lateral (values
  (b.customer_id, case when due.is_last then :customer_hours else :customer_day end),
  (case when b.acceptance = 'accepted' then b.provider_id end, case when due.is_last then :provider_hours else :provider_day end)
) person(id, kind)
where b.status = 'confirmed' and lower(b.busy_period) > :now and lower(b.busy_period) <= :day_ahead
  and b.line = :line and (b.payment_status in ('success', 'partially_refunded') or b.cash_agreed)
  and person.id is not null
  and not exists (
    select from notifications n where n.user_id = person.id
    and n.dedupe_key = concat_ws(':', person.kind, b.id, extract(epoch from lower(b.busy_period))::bigint))
  and (due.is_last or not exists (
    select from booking_events e where e.booking_id = b.id and e.kind in ('booked', 'rescheduled')
    and e.at > lower(b.busy_period) - cast(:ahead as interval)))
group by b.id order by lower(b.busy_period) limit :limit
""")


def remind(db: Database, line: AppointmentLine, now: datetime) -> dict[str, int]:
    """Send the reminders that are due, each appointment in a transaction of its own.

    Returns how many were due and how many were sent. A failure is logged; the next run of the job `remind` tries again.
    """
    with db.reading() as session:
        due = _due(session, line, now)
    reminded = 0
    for booking_id in due:
        try:
            reminded += _remind(db, line, booking_id, now)
        except Exception as error:
            fields = log.fields(alarm="reminders", booking_id=str(booking_id), error=type(error).__name__)
            logger.exception("reminder not sent", extra=fields)
    return {"due": len(due), "reminded": reminded}


def _due(session: Session, line: AppointmentLine, now: datetime) -> Sequence[UUID]:
    first, last = line.policy.reminders
    kinds = {
        "customer_day": line.word(DAY),
        "customer_hours": line.word(HOURS),
        "provider_day": line.word(_of_provider(DAY)),
        "provider_hours": line.word(_of_provider(HOURS)),
    }
    window = {"now": now, "day_ahead": now + first, "hours_ahead": now + last, "ahead": first}
    return session.scalars(_DUE, {**window, **kinds, "line": line.name, "limit": BATCH}).all()


def _of_provider(kind: str) -> str:
    return f"provider_{kind}"


def _remind(db: Database, line: AppointmentLine, booking_id: UUID, now: datetime) -> bool:
    with db.transaction() as session:
        booking = bookings.locked(session, booking_id)
        appointment = queries.appointment_of(session, booking_id)
        if not _takes_place(line, booking, appointment, now):
            return False
        kind = HOURS if appointment.starts_at <= now + line.policy.reminders[1] else DAY
        start = str(int(appointment.starts_at.timestamp()))  # as in _DUE
        notify.customer(session, line, booking, appointment, kind, now, occurrence=start)
        if booking.acceptance == Acceptance.ACCEPTED:
            notify.provider(session, line, booking, appointment, _of_provider(kind), now, occurrence=start)
        return True


def _takes_place(line: AppointmentLine, booking: Booking, appointment: Appointment, now: datetime) -> bool:
    paid = booking.payment_status in PAID or booking.cash_agreed
    is_soon = now < appointment.starts_at <= now + line.policy.reminders[0]
    return booking.status == Status.CONFIRMED and paid and is_soon
