"""The statements that tell which chefs could take a visit, and take the row of the one who is chosen."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from shared.bookings.models import IS_ACTIVE, Booking

# A chef who takes visits at a place: what makes a chef fit for any time; `:chef` names one of them, null is any.
TAKES_VISITS = """c.is_verified and c.is_available and u.is_active and lower(c.service_city) = lower(place.city)
  and (cast(:chef as uuid) is null or c.user_id = :chef)"""
# What is known of the place's city, and the tariff of today.
LOCATIONS = """coalesce((select jsonb_agg(jsonb_build_object('id', l.id, 'pincode', l.pincode, 'is_serviceable', l.is_serviceable))
    from place join locations l on lower(l.city) = lower(place.city)), '[]')"""
CIRCLES = """coalesce((select jsonb_agg(jsonb_build_object('location_id', s.location_id, 'name', s.name, 'latitude', s.latitude,
      'longitude', s.longitude, 'radius_km', s.radius_km))
    from place join locations l on lower(l.city) = lower(place.city)
    join service_areas s on s.location_id = l.id and s.is_active), '[]')"""
TARIFF = "select t.* from home_chef_tariffs t where t.valid_from <= :now order by t.valid_from desc limit 1"
# A chef's facts for one visit. `works`: the week, as one multirange so that slots that meet are one, covers the visit.
CHEFS = f"""
select c.user_id as id, u.name, c.hourly_rate as rate, c.rating, c.calendar_version,
  coalesce((
    select range_agg(int4range(w.weekday * 1440 + w.starts + lap, w.weekday * 1440 + w.ends + lap))
      @> int4range(cast(:minute as int), cast(:minute as int) + cast(:length as int))
    from chef_availability w, (values (0), (10080)) laps(lap) where w.chef_id = c.user_id
  ), false)
  and not exists (select from chef_days_off d where d.chef_id = c.user_id and d.day = any(cast(:days as date[])))
  as works,
  exists (
    select from bookings b where b.provider_id = c.user_id and b.{IS_ACTIVE}
    and b.held && tstzrange(:start, cast(:end as timestamptz) + make_interval(mins => cast(tariff.rates->>'gap_minutes' as int)))
  ) as busy
from chef_profiles c join users u on u.id = c.user_id
where {TAKES_VISITS} and c.user_id <> all(cast(:tried as uuid[]))
"""

_CALENDAR = text(f"""
select
  coalesce((select jsonb_agg(jsonb_build_array(w.weekday, w.starts, w.ends)) from chef_availability w
    where w.chef_id = :chef), '[]'),
  coalesce((select array_agg(d.day) from chef_days_off d
    where d.chef_id = :chef and d.day between :first_day and :last_day), cast('{{}}' as date[])),
  coalesce((select array_agg(b.held) from bookings b where b.provider_id = :chef and b.{IS_ACTIVE}
    and b.id is distinct from cast(:without as uuid) and b.held && tstzrange(:from, :until)), cast('{{}}' as tstzrange[]))
""")


def calendar(
    session: Session, chef_id: UUID, start: datetime, until: datetime, without: UUID | None = None
) -> tuple[list[Any], list[Any], list[Any]]:
    """Return a chef's week (weekday, starts, ends), days off and held ranges (of other bookings) between two instants."""
    # A place's day begins up to a day before or after that of UTC.
    days = {"first_day": (start - timedelta(days=1)).date(), "last_day": (until + timedelta(days=1)).date()}
    window = {**days, "from": start, "until": until, "without": without}
    row = session.execute(_CALENDAR, {"chef": chef_id, **window}).one()
    return row[0], row[1], row[2]


_LOCK_CHEF = text("""
select u.id from users u join chef_profiles c on c.user_id = u.id
where u.id = :chef and u.is_active and c.is_verified for no key update of u, c
""")


def lock_chef(session: Session, chef_id: UUID) -> bool:
    """Take the row of a verified, active chef, before any booking's; False where there is none."""
    return session.execute(_LOCK_CHEF, {"chef": chef_id}).first() is not None


# As a booking's own statement chooses, but nobody who was asked before; the row is taken as the WRITE takes it.
_NEXT = text(f"""
with place as (
  select city from bookings where id = :booking
), tariff as (
  select t.* from home_chef_tariffs t where t.valid_from <= :now order by t.valid_from desc limit 1
), candidate as (
  select chefs.* from place, tariff, lateral ({CHEFS}) chefs
  where works and not busy
  and not exists (select from offers o where o.booking_id = :booking and o.chef_id = chefs.id)
  order by rate, rating desc nulls last, id limit 1
), locked as (
  select u.id from candidate, users u join chef_profiles c on c.user_id = u.id
  where u.id = candidate.id and u.is_active and c.calendar_version = candidate.calendar_version
  for no key update of u, c
)
select candidate.id, exists (select from locked) from candidate
""")


@dataclass(frozen=True)
class Candidate:
    """A chef who could take a visit; `locked` unless their calendar has changed meanwhile."""

    id: UUID
    locked: bool


def next_chef(session: Session, parameters: dict[str, Any]) -> Candidate | None:
    """Choose the next free chef for a booking and take their row; None where nobody is free."""
    row = session.execute(_NEXT, parameters).one_or_none()
    return Candidate(*row) if row else None


# The chef's row is locked before the booking's, as whoever books this chef does; whether he is still the booking's chef
# is seen once that is locked too.
_TO_MOVE = text("""
with own as (
  select provider_id from bookings where id = :booking and customer_id = :customer
), chef as (
  select u.id from users u join own on own.provider_id = u.id for no key update of u
)
select chef.id from own left join chef on true
""")


def hold_chef(session: Session, customer_id: UUID, booking_id: UUID) -> Row[Any] | None:
    """Lock the row of the chef of a customer's own booking; the row holds his id (null: no chef), None: no booking."""
    return session.execute(_TO_MOVE, {"booking": booking_id, "customer": customer_id}).one_or_none()


_AT_ANOTHER_TIME = text(f"""
select
  (select t.rates from home_chef_tariffs t where t.valid_from <= :now order by t.valid_from desc limit 1) as rates,
  exists (select from chef_profiles c join users u on u.id = c.user_id
    where c.user_id = :chef and c.is_verified and c.is_available and u.is_active) as takes_visits,
  (select b.ref from bookings b join home_chef_visits v on v.booking_id = b.id
    where b.customer_id = :customer and b.id <> :booking and b.{IS_ACTIVE} and v.starts_at < :end and v.ends_at > :start
    order by v.starts_at limit 1) as overlapping
""")


def at_another_time(session: Session, booking: Booking, start: datetime, end: datetime, now: datetime) -> Row[Any]:
    """Return today's rates, whether the chef takes visits, and what else the customer has booked for that time."""
    parties = {"booking": booking.id, "customer": booking.customer_id, "chef": booking.provider_id}
    return session.execute(_AT_ANOTHER_TIME, {**parties, "start": start, "end": end, "now": now}).one()
