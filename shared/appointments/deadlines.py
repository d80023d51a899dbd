"""Deadlines of appointments, enforced by a scheduled job. Source: docs/product.md#offers, docs/product.md#start-and-completion.

Each appointment is changed in a transaction of its own, on its locked row, and only by its own line.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.appointments import assignment, cancellation, completion, queries
from shared.appointments.assignment import NO_PROVIDER
from shared.appointments.line import AppointmentLine
from shared.bookings import queries as bookings
from shared.bookings.history import SYSTEM, open_review
from shared.bookings.lifecycle import Acceptance, Status
from shared.kit import log
from shared.kit.database import Database
from shared.outbox.pending import Payload

BATCH = 200
logger = log.logger(__name__)

_DUE = text("""
(select 'offer_lapsed', o.booking_id from offers o join bookings b on b.id = o.booking_id
  where o.state = 'open' and o.expires_at <= :now and b.line = :line order by o.expires_at limit :limit)
union all
(select 'provider_inactive', b.id from bookings b join users u on u.id = b.provider_id
  where b.status in ('pending', 'confirmed') and b.line = :line and not u.is_active limit :limit)
union all
(select 'no_provider', id from bookings where status = 'confirmed' and acceptance = 'unassigned' and line = :line
  and lower(busy_period) <= cast(:now as timestamptz) + case when lower(busy_period) - created_at < cast(:short_notice as interval)
    then cast(:give_up_at_short_notice as interval) else cast(:give_up as interval) end
  and lower(busy_period) <= cast(:now as timestamptz) + cast(:give_up as interval) order by lower(busy_period) limit :limit)
union all
(select 'not_started', b.id from bookings b where b.status = 'confirmed' and b.line = :line
  and lower(b.busy_period) <= cast(:now as timestamptz) - cast(:not_started as interval)
  and not exists (select from exceptions e where e.booking_id = b.id and e.kind = 'not_started')
  order by lower(b.busy_period) limit :limit)
union all
(select 'completed', b.id from bookings b join appointments a on a.booking_id = b.id
  where b.status = 'in_progress' and b.line = :line
  and a.ends_at <= cast(:now as timestamptz) - cast(:completed as interval) limit :limit)
""")


def enforce(db: Database, line: AppointmentLine, now: datetime) -> dict[str, int]:
    """Apply each rule to its due appointments; returns the count by rule. A failure is logged and the others continue."""
    rules: dict[str, Callable[[Database, AppointmentLine, UUID, datetime], None]] = {
        "offer_lapsed": assignment.lapse,
        "provider_inactive": _release_inactive,
        "no_provider": _cancel_unassigned,
        "not_started": _review_not_started,
        "completed": _complete,
    }
    with db.reading() as session:
        due = _due(session, line, now)
    for rule, booking_id in due:
        try:
            rules[rule](db, line, booking_id, now)
        except Exception as error:
            fields = log.fields(alarm="deadline", rule=rule, booking_id=str(booking_id), error=type(error).__name__)
            logger.exception("deadline not enforced", extra=fields)
    return {rule: sum(name == rule for name, _ in due) for rule in rules}


def lapse(db: Database, line: AppointmentLine, payload: Payload, now: datetime) -> None:
    """Handle the message that ends an unanswered offer at its deadline."""
    assignment.lapse(db, line, UUID(str(payload["booking_id"])), now)


def _due(session: Session, line: AppointmentLine, now: datetime) -> list[tuple[str, UUID]]:
    """Return rule and booking id of every due appointment, at most BATCH of each rule, in one statement."""
    policy = line.policy
    times = {
        "short_notice": policy.short_notice,
        "give_up": policy.give_up_before_start,
        "give_up_at_short_notice": policy.give_up_at_short_notice,
        "not_started": policy.not_started_after,
        "completed": policy.completed_after_end,
    }
    rows = session.execute(_DUE, {"line": line.name, "now": now, "limit": BATCH, **times})
    return [(rule, booking_id) for rule, booking_id in rows]


def _release_inactive(db: Database, line: AppointmentLine, booking_id: UUID, now: datetime) -> None:
    assignment.release_inactive(db, line, booking_id, SYSTEM, now)


def _cancel_unassigned(db: Database, line: AppointmentLine, booking_id: UUID, now: datetime) -> None:
    """Cancel a paid appointment that has no provider, while its customer can still make other plans."""
    with db.transaction() as session:
        row = queries.locked(session, booking_id)
        if row.booking.status == Status.CONFIRMED and row.booking.acceptance == Acceptance.UNASSIGNED:
            why = line.word(NO_PROVIDER)
            cancellation.cancel_in_full(session, line, row.booking, row.appointment, SYSTEM, why, why, now)


def _review_not_started(db: Database, line: AppointmentLine, booking_id: UUID, now: datetime) -> None:  # noqa: ARG001
    with db.transaction() as session:
        booking = bookings.locked(session, booking_id)
        if booking.status == Status.CONFIRMED:
            open_review(session, "not_started", booking.id, booking.id, now, ref=booking.ref)


def _complete(db: Database, line: AppointmentLine, booking_id: UUID, now: datetime) -> None:
    with db.transaction() as session:
        row = queries.locked(session, booking_id)
        if row.booking.status == Status.IN_PROGRESS:
            reason = f"not completed by the {line.provider_role}"
            completion.complete(session, line, row, SYSTEM, reason, now)
