"""The statements about chefs: their own week and days off, and what customers find of them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.bookings.models import IS_ACTIVE
from shared.kit.ids import new_id
from shared.kit.paging import PageQuery, Position, page_of
from shared.lines.home_chef.chefs.candidates import CHEFS, CIRCLES, LOCATIONS, TAKES_VISITS, TARIFF
from shared.lines.home_chef.models import SLOT_OVERLAP, ChefProfile, DayOff, WeeklySlot
from shared.users.models import User

# What is believed of a chef before anybody has rated: ten ratings of 4.3 stars. A single rating of five stars moves
# a new chef by little; a hundred of 4.8 stand above it.
PRIOR_RATINGS, PRIOR_STARS = 10, 43
MICRO = 1_000_000  # ranks are compared as whole millionths of a star
NEWEST_RATINGS = 10


def profile(session: Session, chef_id: UUID) -> tuple[User, ChefProfile, list[WeeklySlot]]:
    """Return a chef's person, profile and week, in one statement."""
    rows = session.execute(
        select(User, ChefProfile, WeeklySlot)
        .join(ChefProfile, ChefProfile.user_id == User.id)
        .outerjoin(WeeklySlot, WeeklySlot.chef_id == User.id)
        .where(User.id == chef_id)
        .order_by(WeeklySlot.weekday, WeeklySlot.starts)
    ).all()
    return rows[0][0], rows[0][1], [row[2] for row in rows if row[2] is not None]


def add_slot(session: Session, chef_id: UUID, slot: dict[str, int], now: datetime) -> WeeklySlot | None:
    """Store a slot and return it; None where it would overlap one of the chef's."""
    row = {"id": new_id(), "chef_id": chef_id, "created_at": now, **slot}
    added = insert(WeeklySlot).values(row).on_conflict_do_nothing(constraint=SLOT_OVERLAP).returning(WeeklySlot)
    return session.scalars(added).one_or_none()


def slot_met(session: Session, chef_id: UUID, slot: dict[str, int]) -> WeeklySlot:
    """Return the first slot of a chef, whose row is locked, that this one overlaps."""
    overlapping = (WeeklySlot.starts < slot["ends"], WeeklySlot.ends > slot["starts"])
    same_day = select(WeeklySlot).where(WeeklySlot.chef_id == chef_id, WeeklySlot.weekday == slot["weekday"])
    return session.scalars(same_day.where(*overlapping).order_by(WeeklySlot.starts).limit(1)).one()


def remove_slot(session: Session, chef_id: UUID, slot_id: UUID) -> bool:
    own = delete(WeeklySlot).where(WeeklySlot.id == slot_id, WeeklySlot.chef_id == chef_id)
    return session.scalar(own.returning(WeeklySlot.id)) is not None


def replace_week(
    session: Session, chef_id: UUID, slots: Sequence[dict[str, int]], now: datetime
) -> Sequence[WeeklySlot]:
    """Store these slots in place of all the chef's, and return them in the order of the week."""
    session.execute(delete(WeeklySlot).where(WeeklySlot.chef_id == chef_id))
    if not slots:
        return []
    rows = [{"id": new_id(), "chef_id": chef_id, "created_at": now, **slot} for slot in slots]
    stored = session.scalars(insert(WeeklySlot).values(rows).returning(WeeklySlot)).all()
    return sorted(stored, key=lambda slot: (slot.weekday, slot.starts))


def days_off_of(session: Session, chef_id: UUID, page: PageQuery) -> tuple[list[DayOff], str | None]:
    """Return a chef's days off, the latest day first."""
    own = select(DayOff).where(DayOff.chef_id == chef_id)
    if page.cursor is not None:
        own = own.where(DayOff.day < Position.decode(page.cursor).at.date())
    rows = session.scalars(own.order_by(DayOff.day.desc()).limit(page.limit + 1)).all()
    return page_of(rows, page.limit, lambda row: Position(datetime.combine(row.day, time(), UTC), row.id))


def add_day_off(session: Session, chef_id: UUID, day: date, reason: str | None, now: datetime) -> DayOff | None:
    """Store a day off and return it; None where the day is off already."""
    row = {"id": new_id(), "chef_id": chef_id, "day": day, "reason": reason, "created_at": now}
    added = insert(DayOff).values(row).on_conflict_do_nothing(index_elements=["chef_id", "day"]).returning(DayOff)
    return session.scalars(added).one_or_none()


def remove_day_off(session: Session, chef_id: UUID, day_off_id: UUID) -> bool:
    own = delete(DayOff).where(DayOff.id == day_off_id, DayOff.chef_id == chef_id)
    return session.scalar(own.returning(DayOff.id)) is not None


# `held` is what the index knows, and longer than the visit by the way to the next one.
_VISITS = text(f"""
select b.ref, v.starts_at, v.ends_at from bookings b join home_chef_visits v on v.booking_id = b.id
where b.provider_id = :chef and b.{IS_ACTIVE} and b.held && tstzrange(:start, :end)
  and v.starts_at < :end and v.ends_at > :start
order by v.starts_at
""")


def visits_between(session: Session, chef_id: UUID, start: datetime, end: datetime) -> Sequence[Row[Any]]:
    """Return a chef's active visits that take part of a span, in their order: ref, starts_at, ends_at."""
    return session.execute(_VISITS, {"chef": chef_id, "start": start, "end": end}).all()


_PLACE_OF_ADDRESS = """
  select a.city, a.pincode, a.latitude, a.longitude from addresses a where a.id = :address and a.user_id = :customer
"""
_FREE_CHEFS = text(f"""
with place as ({_PLACE_OF_ADDRESS}
  union all
  select cast(:city as text), cast(:pincode as text), null, null where cast(:city as text) is not null
), tariff as (
  {TARIFF}
), ranked as (
  select p.user_id as id, chefs.name, p.bio, p.specialties, p.experience_years, p.rating, p.rating_count,
    p.total_bookings, p.hourly_rate,
    ({PRIOR_STARS} + p.rating_sum) * cast({MICRO} as bigint) / ({PRIOR_RATINGS} + p.rating_count) as score
  from place, tariff, lateral ({CHEFS}) chefs join chef_profiles p on p.user_id = chefs.id
  where chefs.works and not chefs.busy
), page as (
  select * from ranked where cast(:after_id as uuid) is null
    or (-score, hourly_rate, id) > (-cast(:after_score as bigint), cast(:after_rate as bigint), cast(:after_id as uuid))
  order by score desc, hourly_rate, id limit :rows
)
select
  (select to_jsonb(place) from place) as address,
  {LOCATIONS} as locations,
  {CIRCLES} as circles,
  (select to_jsonb(tariff) from tariff) as tariff,
  coalesce((select jsonb_agg(to_jsonb(page) order by score desc, hourly_rate, id) from page), '[]') as chefs
""")


def free_chefs(session: Session, parameters: dict[str, Any]) -> Row[Any]:
    """Return, in one statement, what decides about a place, and who is free for a visit there, the best ranked first."""
    return session.execute(_FREE_CHEFS, parameters).one()


# A visit that starts on the last minute of the window still keeps its gap to the next one.
_CALENDARS = text(f"""
with place as ({_PLACE_OF_ADDRESS}), tariff as (
  {TARIFF}
), chefs as (
  select jsonb_build_object(
    'week', coalesce((select jsonb_agg(jsonb_build_array(w.weekday, w.starts, w.ends))
      from chef_availability w where w.chef_id = c.user_id), '[]'),
    'days_off', coalesce((select jsonb_agg(d.day)
      from chef_days_off d where d.chef_id = c.user_id and d.day between :first_day and :last_day), '[]'),
    'held', coalesce((select jsonb_agg(jsonb_build_array(lower(b.held), upper(b.held)))
      from bookings b where b.provider_id = c.user_id and b.{IS_ACTIVE} and b.held && tstzrange(:start,
        cast(:end as timestamptz) + make_interval(mins => cast(tariff.rates->>'gap_minutes' as int)))), '[]')
  ) as calendar
  from place, tariff, chef_profiles c join users u on u.id = c.user_id
  where {TAKES_VISITS}
)
select
  (select to_jsonb(place) from place) as address,
  {LOCATIONS} as locations,
  {CIRCLES} as circles,
  (select to_jsonb(tariff) from tariff) as tariff,
  coalesce((select jsonb_agg(calendar) from chefs), '[]') as calendars
""")


def calendars(session: Session, parameters: dict[str, Any]) -> Row[Any]:
    """Return, in one statement, what decides about a place, and the calendars of the chefs who take visits there."""
    return session.execute(_CALENDARS, parameters).one()


_PUBLIC = text("""
select c.user_id as id, u.name, c.bio, c.specialties, c.experience_years, c.rating, c.rating_count, c.total_bookings,
  c.hourly_rate,
  coalesce((select jsonb_agg(jsonb_build_array(w.weekday, w.starts, w.ends) order by w.weekday, w.starts)
    from chef_availability w where w.chef_id = c.user_id), '[]') as week,
  coalesce((select jsonb_agg(to_jsonb(newest) order by newest.created_at desc, newest.booking_id desc) from (
    select r.booking_id, r.stars, r.comment, r.created_at, customer.name
    from home_chef_ratings r join bookings b on b.id = r.booking_id join users customer on customer.id = b.customer_id
    where r.chef_id = c.user_id order by r.created_at desc, r.booking_id desc limit :ratings
  ) newest), '[]') as ratings
from chef_profiles c join users u on u.id = c.user_id
where c.user_id = :chef and c.is_verified and u.is_active
""")


def public_chef(session: Session, chef_id: UUID) -> Row[Any] | None:
    """Return what customers may read of a verified, active chef, in one statement."""
    return session.execute(_PUBLIC, {"chef": chef_id, "ratings": NEWEST_RATINGS}).one_or_none()
