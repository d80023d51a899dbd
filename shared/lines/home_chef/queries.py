"""The statements of this line; who may see or touch what is decided here, not in an endpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, RowMapping, bindparam, select, text
from sqlalchemy.orm import Session

from shared.bookings import queries as bookings
from shared.bookings.models import IS_ACTIVE, Booking
from shared.idempotency import queries as idempotency
from shared.kit.paging import PageQuery, Position, after, page_of
from shared.lines.home_chef.chefs.candidates import CHEFS, CIRCLES, LOCATIONS, TARIFF
from shared.lines.home_chef.models import Offer, Rating, Visit
from shared.notifications import queries as notifications
from shared.payments.models import Refund
from shared.users.models import User

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


# What a customer is shown of a booking, and no more of it is read: its visit, the chef's name, what they have said of it.
BookingRow = RowMapping
_STATES = (Booking.status, Booking.payment_status, Booking.answer, Booking.pay_by, Booking.cancellation_reason)
_TIMES = (Visit.booking_date, Visit.time_slot, Visit.starts_at, Visit.ends_at, Visit.time_zone, Visit.duration_hours)
_WISHES = (Visit.guest_count, Visit.special_requests, Visit.address)
_SHOWN = (
    select(Booking.id, Booking.ref, Booking.total, Booking.breakdown, Booking.created_at)
    .add_columns(*_STATES, *_TIMES, *_WISHES)
    .add_columns(Booking.provider_id.label("chef_id"), User.name.label("chef_name"))
    .add_columns(Rating.stars, Rating.comment, Rating.created_at.label("rated_at"))
    .join(Visit, Visit.booking_id == Booking.id)
    .outerjoin(User, User.id == Booking.provider_id)
    .outerjoin(Rating, Rating.booking_id == Booking.id)
    .where(Booking.customer_id == bindparam("customer"))
)
_ONE = (
    _SHOWN.add_columns(Refund)
    .outerjoin(Refund, Refund.booking_id == Booking.id)
    .where(Booking.id == bindparam("booking"))
    .order_by(Refund.created_at, Refund.id)
)
_NEWEST = _SHOWN.order_by(Booking.created_at.desc(), Booking.id.desc()).limit(bindparam("most"))


def of_customer(session: Session, customer_id: UUID, booking_id: UUID) -> tuple[BookingRow, Sequence[Refund]] | None:
    """Return a customer's own booking with its refunds, in one statement."""
    rows = session.execute(_ONE, {"customer": customer_id, "booking": booking_id}).mappings().all()
    if not rows:
        return None
    return rows[0], [row["Refund"] for row in rows if row["Refund"] is not None]


def list_of_customer(session: Session, customer_id: UUID, page: PageQuery) -> tuple[list[BookingRow], str | None]:
    statement = _NEWEST.where(*after(page, Booking.created_at, Booking.id))
    rows = session.execute(statement, {"customer": customer_id, "most": page.limit + 1}).mappings().all()
    return page_of(rows, page.limit, lambda row: Position(row["created_at"], row["id"]))


@dataclass(frozen=True)
class ChefBookingRow:
    """A booking offered to or held by a chef, with who booked it and the offer."""

    booking: Booking
    visit: Visit
    customer: User
    offer: Offer | None


def _bookings_for(chef_id: UUID) -> Any:
    return (
        select(Booking, Visit, User, Offer)
        .join(Visit, Visit.booking_id == Booking.id)
        .join(User, User.id == Booking.customer_id)
        .outerjoin(Offer, (Offer.booking_id == Booking.id) & (Offer.chef_id == chef_id))
        .where(Booking.provider_id == chef_id)
    )


def of_chef(session: Session, chef_id: UUID, booking_id: UUID) -> ChefBookingRow | None:
    """Return a booking if it is this chef's now."""
    row = session.execute(_bookings_for(chef_id).where(Booking.id == booking_id)).one_or_none()
    return ChefBookingRow(*row) if row else None


def locked_of_chef(session: Session, chef_id: UUID, booking_id: UUID) -> ChefBookingRow | None:
    """Return the same with the booking's row locked."""
    # Locked first and read after: a statement that waits for a lock sees the other tables as they were before it.
    own = select(Booking.id).where(Booking.id == booking_id, Booking.provider_id == chef_id)
    session.execute(own.with_for_update(key_share=True))
    return of_chef(session, chef_id, booking_id)


def exists(session: Session, booking_id: UUID) -> bool:
    return session.get(Visit, booking_id) is not None


def locked_with_offer(session: Session, booking_id: UUID) -> ChefBookingRow:
    """Return a booking that exists, its row locked, with the offer to the chef it has now."""
    bookings.locked(session, booking_id)
    statement = (
        select(Booking, Visit, User, Offer)
        .join(Visit, Visit.booking_id == Booking.id)
        .join(User, User.id == Booking.customer_id)
        .outerjoin(Offer, (Offer.booking_id == Booking.id) & (Offer.chef_id == Booking.provider_id))
        .where(Booking.id == booking_id)
    )
    return ChefBookingRow(*session.execute(statement.execution_options(populate_existing=True)).one())


_DUE = text("""
(select 'offer_lapsed', booking_id from offers where state = 'open' and expires_at <= :now
  order by expires_at limit :limit)
union all
(select 'chef_inactive', b.id from bookings b join users u on u.id = b.provider_id
  where b.status in ('pending', 'confirmed') and not u.is_active limit :limit)
union all
(select 'no_chef', id from bookings where status = 'confirmed' and answer = 'unassigned'
  and lower(held) <= cast(:now as timestamptz)
    + case when lower(held) - created_at < interval '6 hours' then interval '1 hour' else interval '4 hours' end
  and lower(held) <= cast(:now as timestamptz) + interval '4 hours' order by lower(held) limit :limit)
union all
(select 'not_started', b.id from bookings b where b.status = 'confirmed'
  and lower(b.held) <= cast(:now as timestamptz) - interval '2 hours'
  and not exists (select from exceptions e where e.booking_id = b.id and e.kind = 'not_started')
  order by lower(b.held) limit :limit)
union all
(select 'completed', b.id from bookings b join home_chef_visits v on v.booking_id = b.id
  where b.status = 'in_progress' and v.ends_at <= cast(:now as timestamptz) - interval '12 hours' limit :limit)
""")


def due(session: Session, now: datetime, limit: int) -> list[tuple[str, UUID]]:
    """Return what time asks for: a rule and a booking each, so many of each rule at most, in one statement."""
    return [(rule, booking_id) for rule, booking_id in session.execute(_DUE, {"now": now, "limit": limit})]


def coming_visits(session: Session, chef_id: UUID) -> Sequence[UUID]:
    """Return the ids of the bookings a chef has before them."""
    statement = select(Booking.id).where(Booking.provider_id == chef_id, Booking.status.in_(["pending", "confirmed"]))
    return session.scalars(statement).all()


def list_of_chef(
    session: Session, chef_id: UUID, page: PageQuery, status: str | None
) -> tuple[list[ChefBookingRow], str | None]:
    statement = _bookings_for(chef_id)
    if status is not None:
        statement = statement.where(Booking.status == status)
    rows = session.execute(
        statement.where(*after(page, Booking.created_at, Booking.id))
        .order_by(Booking.created_at.desc(), Booking.id.desc())
        .limit(page.limit + 1)
    ).all()
    return page_of([ChefBookingRow(*row) for row in rows], page.limit, lambda row: _position(row.booking))


def _position(booking: Booking) -> Position:
    return Position(booking.created_at, booking.id)


def visit_of(session: Session, booking_id: UUID) -> Visit:
    return session.get_one(Visit, booking_id)


def offer_of(session: Session, booking_id: UUID) -> Offer:
    """Return the offer that is open or accepted, of a booking that has one."""
    offer: Offer = session.scalars(_standing_offer(booking_id)).one()
    return offer


def standing(session: Session, booking_id: UUID) -> tuple[Booking, datetime]:
    """Return a booking and when its visit starts, in one statement."""
    statement = select(Booking, Visit.starts_at).join(Visit, Visit.booking_id == Booking.id)
    row = session.execute(statement.where(Booking.id == booking_id)).one()
    return row[0], row[1]


def open_offer(session: Session, booking_id: UUID) -> Offer | None:
    """Return the offer that is open or accepted; the booking's row is locked."""
    return session.scalars(_standing_offer(booking_id)).one_or_none()


def _standing_offer(booking_id: UUID) -> Any:
    return select(Offer).where(Offer.booking_id == booking_id, Offer.state.in_(["open", "accepted"]))
