"""Statements about providers: their profile, week, days off and calendar, and the lists of admins."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, delete, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.appointments.line import AppointmentLine
from shared.appointments.providers.calendar import Calendar, Slot
from shared.appointments.providers.models import SLOT_OVERLAP, DayOff, Provider, WeeklySlot
from shared.appointments.providers.schemas import ProviderQuery
from shared.bookings.models import IS_ACTIVE
from shared.kit.ids import new_id
from shared.kit.paging import PageQuery, Position, after, page_of
from shared.users.models import User
from shared.users.queries import matches_search

Registered = tuple[User, Provider]


def provider(session: Session, line: AppointmentLine, provider_id: UUID) -> Registered:
    """Return a provider of a line with their user row, as they are now. Raises the line's `provider_not_found`."""
    statement = select(User, Provider).join(Provider, Provider.user_id == User.id)
    statement = statement.where(User.id == provider_id, Provider.line == line.name)
    row = session.execute(statement, execution_options={"populate_existing": True}).one_or_none()
    if row is None:
        raise line.provider_not_found
    return row[0], row[1]


def profile(session: Session, provider_id: UUID) -> tuple[User, Provider, list[WeeklySlot]]:
    """Return a provider's user row, profile and week, in one statement."""
    rows = session.execute(
        select(User, Provider, WeeklySlot)
        .join(Provider, Provider.user_id == User.id)
        .outerjoin(WeeklySlot, WeeklySlot.provider_id == User.id)
        .where(User.id == provider_id)
        .order_by(WeeklySlot.weekday, WeeklySlot.starts)
    ).all()
    return rows[0][0], rows[0][1], [row[2] for row in rows if row[2] is not None]


def list_providers(
    session: Session, line: AppointmentLine, query: ProviderQuery
) -> tuple[list[Registered], str | None]:
    """Return a page of a line's providers, the newest first, in one statement."""
    statement = _filtered(line, query).where(*after(query, User.created_at, User.id))
    statement = statement.order_by(User.created_at.desc(), User.id.desc()).limit(query.limit + 1)
    rows = [(row[0], row[1]) for row in session.execute(statement)]
    return page_of(rows, query.limit, lambda row: Position(row[0].created_at, row[0].id))


def _filtered(line: AppointmentLine, query: ProviderQuery) -> Select[User, Provider]:
    statement = select(User, Provider).join(Provider, Provider.user_id == User.id)
    statement = statement.where(User.role == line.provider_role, Provider.line == line.name)
    if query.city is not None:
        statement = statement.where(func.lower(Provider.service_city) == query.city.lower())
    if query.is_verified is not None:
        statement = statement.where(Provider.is_verified == query.is_verified)
    if query.is_active is not None:
        statement = statement.where(User.is_active == query.is_active)
    if query.q is not None:
        in_city = Provider.service_city.istartswith(query.q, autoescape=True)
        statement = statement.where(or_(matches_search(query.q), in_city))
    return statement


@dataclass(frozen=True)
class ProviderCounts:
    """The count of providers of all lines, and of those for whom each condition is true."""

    total: int
    verified: int
    available: int
    active: int


_COUNTS = text("""
select count(*), count(*) filter (where p.is_verified), count(*) filter (where p.is_available),
  count(*) filter (where u.is_active)
from providers p join users u on u.id = p.user_id
""")


def counts(session: Session) -> ProviderCounts:
    return ProviderCounts(*session.execute(_COUNTS).one())


_LOCK_CALENDAR = text("""
with person as (select id from users where id = :provider for no key update)
update providers set calendar_version = calendar_version + 1 from person where user_id = person.id
""")


def lock_calendar(session: Session, provider_id: UUID) -> None:
    """Lock a provider's row until the transaction ends and raise the calendar's version.

    Call it before reading or changing anything that decides whether the provider is free: the week, the days off,
    `is_available`, `service_city`, `is_verified`, `users.is_active`. A booking decided on an older version is retried.
    """
    session.execute(_LOCK_CALENDAR, {"provider": provider_id})


def week(session: Session, provider_id: UUID) -> Sequence[WeeklySlot]:
    statement = select(WeeklySlot).where(WeeklySlot.provider_id == provider_id)
    return session.scalars(statement.order_by(WeeklySlot.weekday, WeeklySlot.starts)).all()


def add_slot(session: Session, provider_id: UUID, slot: Slot, now: datetime) -> WeeklySlot | None:
    """Store a slot and return it; None if it would overlap another slot of the provider."""
    row = _slot_row(provider_id, slot, now)
    added = insert(WeeklySlot).values(row).on_conflict_do_nothing(constraint=SLOT_OVERLAP).returning(WeeklySlot)
    return session.scalars(added).one_or_none()


def overlapped_slot(session: Session, provider_id: UUID, slot: Slot) -> WeeklySlot:
    """Return the first slot of a locked provider that overlaps this one."""
    overlapping = (WeeklySlot.starts < slot.ends, WeeklySlot.ends > slot.starts)
    same_day = select(WeeklySlot).where(WeeklySlot.provider_id == provider_id, WeeklySlot.weekday == slot.weekday)
    return session.scalars(same_day.where(*overlapping).order_by(WeeklySlot.starts).limit(1)).one()


def remove_slot(session: Session, provider_id: UUID, slot_id: UUID) -> bool:
    own = delete(WeeklySlot).where(WeeklySlot.id == slot_id, WeeklySlot.provider_id == provider_id)
    return session.scalar(own.returning(WeeklySlot.id)) is not None


def replace_week(session: Session, provider_id: UUID, slots: Sequence[Slot], now: datetime) -> Sequence[WeeklySlot]:
    """Replace all slots of a provider, and return the new ones in the order of the week."""
    session.execute(delete(WeeklySlot).where(WeeklySlot.provider_id == provider_id))
    if not slots:
        return []
    rows = [_slot_row(provider_id, slot, now) for slot in slots]
    stored = session.scalars(insert(WeeklySlot).values(rows).returning(WeeklySlot)).all()
    return sorted(stored, key=lambda slot: (slot.weekday, slot.starts))


def _slot_row(provider_id: UUID, slot: Slot, now: datetime) -> dict[str, Any]:
    own = {"weekday": slot.weekday, "starts": slot.starts, "ends": slot.ends}
    return {"id": new_id(), "provider_id": provider_id, "created_at": now, **own}


def days_off_of(session: Session, provider_id: UUID, page: PageQuery) -> tuple[list[DayOff], str | None]:
    """Return a provider's days off, the latest day first."""
    own = select(DayOff).where(DayOff.provider_id == provider_id)
    if page.cursor is not None:
        own = own.where(DayOff.day < Position.decode(page.cursor).at.date())
    rows = session.scalars(own.order_by(DayOff.day.desc()).limit(page.limit + 1)).all()
    return page_of(rows, page.limit, lambda row: Position(datetime.combine(row.day, time(), UTC), row.id))


def add_day_off(session: Session, provider_id: UUID, day: date, reason: str | None, now: datetime) -> DayOff | None:
    """Store a day off and return it; None if the day is off already."""
    row = {"id": new_id(), "provider_id": provider_id, "day": day, "reason": reason, "created_at": now}
    added = insert(DayOff).values(row).on_conflict_do_nothing(index_elements=["provider_id", "day"])
    return session.scalars(added.returning(DayOff)).one_or_none()


def remove_day_off(session: Session, provider_id: UUID, day_off_id: UUID) -> bool:
    own = delete(DayOff).where(DayOff.id == day_off_id, DayOff.provider_id == provider_id)
    return session.scalar(own.returning(DayOff.id)) is not None


# The index is on the busy period, which is the appointment and the gap for travel.
_APPOINTMENTS = text(f"""
select b.ref, a.starts_at, a.ends_at from bookings b join appointments a on a.booking_id = b.id
where b.provider_id = :provider and b.{IS_ACTIVE} and b.busy_period && tstzrange(:start, :end)
  and a.starts_at < :end and a.ends_at > :start
order by a.starts_at
""")


def appointments_between(
    session: Session, provider_id: UUID, start: datetime, end: datetime
) -> Sequence[Row[tuple[str, datetime, datetime]]]:
    """Return a provider's active appointments that overlap a span, in order of time: ref, starts_at, ends_at."""
    return session.execute(_APPOINTMENTS, {"provider": provider_id, "start": start, "end": end}).all()


_CALENDAR = text(f"""
select
  coalesce((select jsonb_agg(jsonb_build_array(w.weekday, w.starts, w.ends)) from provider_availability w
    where w.provider_id = :provider), '[]') as week,
  coalesce((select array_agg(d.day) from provider_days_off d
    where d.provider_id = :provider and d.day between :first_day and :last_day), cast('{{}}' as date[])) as days_off,
  coalesce((select array_agg(b.busy_period) from bookings b where b.provider_id = :provider and b.{IS_ACTIVE}
    and b.id is distinct from cast(:without as uuid) and b.busy_period && tstzrange(:from, :until)), cast('{{}}' as tstzrange[]))
    as busy
""")
AROUND = timedelta(days=2)  # how far before and after an appointment free times are searched


def calendar(
    session: Session,
    line: AppointmentLine,
    provider_id: UUID,
    starts_at: datetime,
    ends_at: datetime,
    gap: timedelta,
    without: UUID | None = None,
) -> Calendar:
    """Return a provider's calendar two days around an appointment; `without` is a booking whose time counts as free."""
    since, until = starts_at - AROUND, ends_at + AROUND + gap
    # A local day begins up to a day before or after the UTC day.
    days = {"first_day": (since - timedelta(days=1)).date(), "last_day": (until + timedelta(days=1)).date()}
    window = {**days, "from": since, "until": until, "without": without}
    row = session.execute(_CALENDAR, {"provider": provider_id, **window}).one()
    return Calendar(
        zone=line.time_zone,
        week=[Slot(*slot) for slot in row.week],
        days_off=frozenset(row.days_off),
        busy=[(span.lower, span.upper) for span in row.busy],
        gap=gap,
    )
