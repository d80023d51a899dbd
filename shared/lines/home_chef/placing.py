"""Placing a booking: one statement reads all it is decided on, one writes all that belongs to it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from shared.bookings.models import IS_ACTIVE
from shared.idempotency import queries as idempotency
from shared.lines.home_chef.chefs.candidates import CHEFS, CIRCLES, LOCATIONS, TARIFF
from shared.notifications import queries as notifications

_FACTS = text(f"""
with place as (
  select a.* from addresses a where a.id = :address and a.user_id = :customer
), tariff as (
  {TARIFF}
), chef as (
  select chefs.* from place, tariff, lateral ({CHEFS}) chefs
  order by (works and not busy) desc, rate, rating desc nulls last, id limit 1
)
select
  (select to_jsonb(place) from place) as address,
  {LOCATIONS} as locations,
  {CIRCLES} as circles,
  (select to_jsonb(tariff) from tariff) as tariff,
  (select to_jsonb(chef) from chef) as chef,
  (select count(*) from bookings b where b.customer_id = :customer and b.{IS_ACTIVE}
    and b.payment_status in ('pending', 'failed')) as unpaid,
  (select b.ref from bookings b join home_chef_visits v on v.booking_id = b.id
    where b.customer_id = :customer and b.{IS_ACTIVE} and v.starts_at < :end and v.ends_at > :start
    order by v.starts_at limit 1) as overlapping,
  (select jsonb_build_array(count(*), min(b.created_at)) from bookings b
    where b.customer_id = :customer and b.created_at > :hour_ago) as booked,
  (select jsonb_build_array(count(*), min(q.created_at)) from home_chef_quotes q
    where q.customer_id = :customer and q.created_at > :hour_ago) as quoted,
  {idempotency.ANSWERED} as answered
""")


def facts(session: Session, parameters: dict[str, Any]) -> Row[Any]:
    """Return, in one statement, everything a price and a booking are decided on."""
    return session.execute(_FACTS, parameters).one()


_QUOTE = text("select * from home_chef_quotes where id = :id and customer_id = :customer")


def quote_of_customer(session: Session, customer_id: UUID, quote_id: UUID) -> Row[Any] | None:
    return session.execute(_QUOTE, {"id": quote_id, "customer": customer_id}).one_or_none()


# The locks are taken in order: the customer's row is held already, the chef's comes before the insert that the
# exclusion constraint may refuse (without it, losers of a race deadlock). Who waited for the chef's row finds it as it
# is now: with another calendar, or inactive, it is no row of this statement.
_WRITE = text(f"""
with chef as (
  select u.id from users u join chef_profiles c on c.user_id = u.id
  where u.id = :chef_id and u.is_active and c.calendar_version = :calendar for no key update of u, c
), booking as (
  insert into bookings (id, line, ref, customer_id, provider_id, held, status, payment_status, answer, city, total,
    breakdown, pay_by, created_at, updated_at)
  select cast(:id as uuid), :line, :ref, cast(:customer_id as uuid), chef.id, tstzrange(cast(:starts_at as timestamptz), cast(:held_until as timestamptz)), 'pending', 'pending', 'awaiting',
    :city, cast(:total as bigint), cast(:breakdown as jsonb), cast(:pay_by as timestamptz), cast(:now as timestamptz), cast(:now as timestamptz) from chef
  returning id
), visit as (
  insert into home_chef_visits (booking_id, address_id, address, booking_date, time_slot, time_zone, starts_at, ends_at,
    duration_hours, guest_count, special_requests, rate, earning, cancellation)
  select id, cast(:address_id as uuid), cast(:address as jsonb), cast(:booking_date as date), cast(:time_slot as time), :time_zone, cast(:starts_at as timestamptz), :ends_at,
    cast(:duration_hours as int), cast(:guest_count as int), :special_requests, cast(:rate as bigint), cast(:earning as bigint), cast(:cancellation as jsonb) from booking
), payment as (
  insert into payments (id, booking_id, purpose, amount, created_at, updated_at)
  select cast(:payment_id as uuid), id, 'visit', cast(:total as bigint), cast(:now as timestamptz), cast(:now as timestamptz) from booking
), offer as (
  insert into offers (id, booking_id, chef_id, state, offered_at)
  select cast(:offer_id as uuid), id, cast(:chef_id as uuid), 'open', cast(:now as timestamptz) from booking
), event as (
  insert into booking_events (booking_id, at, actor, actor_id, kind, to_status)
  select id, cast(:now as timestamptz), 'customer', cast(:customer_id as uuid), 'booked', 'pending' from booking
), subject as (
  select id from booking
), {notifications.TOLD}, quote as (
  update home_chef_quotes set booking_id = booking.id from booking
  where home_chef_quotes.id = :quote_id and booking_id is null returning home_chef_quotes.id
), answer as (
  insert into idempotency_keys (user_id, route, key, fingerprint, status, answer, created_at)
  select cast(:key_user as uuid), :key_route, :key, :key_fingerprint, 201, cast(:answer as json), cast(:now as timestamptz)
  from booking where cast(:key as text) is not null
  on conflict (user_id, route, key) do update set fingerprint = excluded.fingerprint, status = excluded.status,
    answer = excluded.answer, created_at = excluded.created_at where idempotency_keys.created_at <= :key_since
  returning key
)
select (select count(*) from booking), (select count(*) from quote), (select count(*) from answer)
""")


@dataclass(frozen=True)
class Written:
    """How many rows of each kind a booking wrote.

    0 of a quote or a key that somebody else used first; no booking at all when the chef's calendar has changed.
    """

    bookings: int
    quotes: int
    answers: int


def write(session: Session, parameters: dict[str, Any]) -> Written:
    """Store a booking with its visit, payment, offer, history and stored answer, in one statement.

    The transaction raises ConstraintViolated for a slot taken or a reference met before.
    """
    return Written(*session.execute(_WRITE, parameters).one())
