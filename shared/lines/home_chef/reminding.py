"""Reminders of visits that begin soon: the day before and two hours before (PRODUCT, "A booking").

Sweeps make them, several at once if it happens: who was told of a start is known by what was told, so a visit that
moves is reminded of again, and a chef who accepts late is still reminded.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.bookings import queries as bookings
from shared.bookings.lifecycle import PAID, Answer, Status
from shared.bookings.models import Booking
from shared.kit import log
from shared.kit.database import Database
from shared.lines.home_chef import queries
from shared.lines.home_chef.lifecycle import LINE
from shared.lines.home_chef.models import Visit
from shared.lines.home_chef.telling import tell_chef, tell_customer

DAY, HOURS = timedelta(hours=24), timedelta(hours=2)
BATCH = 200
logger = log.logger(__name__)

# Paid visits that begin soon and whose customer, or chef who has accepted, has not been told of that start. Nobody is
# told "tomorrow" of a visit that was made, or moved, later than that.
_DUE = text("""
select b.id from bookings b
cross join lateral (select case when lower(b.held) <= cast(:hours as timestamptz) then 'reminder_hours' else 'reminder_day' end as kind) due
cross join lateral (values (b.customer_id, ''), (case when b.answer = 'accepted' then b.provider_id end, 'chef_')) person(id, prefix)
where b.status = 'confirmed' and lower(b.held) > :now and lower(b.held) <= :day
  and b.line = :line and (b.payment_status in ('success', 'partially_refunded') or b.cash_agreed)
  and person.id is not null
  and not exists (
    select from notifications n where n.user_id = person.id
    and n.dedupe_key = concat_ws(':', person.prefix || due.kind, b.id, extract(epoch from lower(b.held))::bigint))
  and (due.kind = 'reminder_hours' or not exists (
    select from booking_events e where e.booking_id = b.id and e.kind in ('booked', 'rescheduled')
    and e.at > lower(b.held) - cast(:ahead as interval)))
group by b.id order by lower(b.held) limit :limit
""")


def remind(db: Database, now: datetime) -> dict[str, int]:
    """Remind of each visit that begins within a day or within two hours, in a transaction of its own.

    One that fails is logged and tried again by the next sweep; it does not keep the others.
    """
    with db.reading() as session:
        due = _due(session, now)
    reminded = 0
    for booking_id in due:
        try:
            reminded += _remind(db, booking_id, now)
        except Exception as error:
            told = log.fields(alarm="reminding", booking_id=str(booking_id), error=type(error).__name__)
            logger.exception("nobody reminded", extra=told)
    return {"due": len(due), "reminded": reminded}


def _due(session: Session, now: datetime) -> Sequence[UUID]:
    window = {"now": now, "day": now + DAY, "hours": now + HOURS, "ahead": DAY}
    return session.scalars(_DUE, {**window, "line": LINE, "limit": BATCH}).all()


def _remind(db: Database, booking_id: UUID, now: datetime) -> bool:
    with db.transaction() as session:
        booking = bookings.locked(session, booking_id)
        visit = queries.visit_of(session, booking_id)
        if not _takes_place(booking, visit, now):
            return False
        _tell(session, booking, visit, now)
        return True


def _takes_place(booking: Booking, visit: Visit, now: datetime) -> bool:
    paid = booking.payment_status in PAID or booking.cash_agreed
    return booking.status == Status.CONFIRMED and paid and now < visit.starts_at <= now + DAY


def _tell(session: Session, booking: Booking, visit: Visit, now: datetime) -> None:
    kind = "reminder_hours" if visit.starts_at <= now + HOURS else "reminder_day"
    start = str(int(visit.starts_at.timestamp()))  # as _DUE looks for it
    tell_customer(session, booking, visit, kind, now, once=start)
    if booking.answer == Answer.ACCEPTED:
        tell_chef(session, booking, visit, f"chef_{kind}", now, once=start)
