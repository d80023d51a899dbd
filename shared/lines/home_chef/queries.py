"""The statements of this line; who may see or touch what is decided here, not in an endpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, bindparam, select, text
from sqlalchemy.orm import Session

from shared.bookings import queries as bookings
from shared.bookings.models import Booking
from shared.kit.paging import PageQuery, Position, after, page_of
from shared.lines.home_chef.models import Offer, Rating, Visit
from shared.users.models import User

# What a customer is shown of a booking, and no more of it is read: its visit, the chef's name, what they have said of it.
BookingRow = RowMapping
_STATES = (Booking.status, Booking.payment_status, Booking.answer, Booking.pay_by, Booking.cancellation_reason)
_TIMES = (Visit.booking_date, Visit.time_slot, Visit.starts_at, Visit.ends_at, Visit.time_zone, Visit.duration_hours)
_WISHES = (Visit.guest_count, Visit.special_requests, Visit.address)
SHOWN = (
    select(Booking.id, Booking.ref, Booking.total, Booking.breakdown, Booking.created_at)
    .add_columns(*_STATES, *_TIMES, *_WISHES)
    .add_columns(Booking.provider_id.label("chef_id"), User.name.label("chef_name"))
    .add_columns(Rating.stars, Rating.comment, Rating.created_at.label("rated_at"))
    .join(Visit, Visit.booking_id == Booking.id)
    .outerjoin(User, User.id == Booking.provider_id)
    .outerjoin(Rating, Rating.booking_id == Booking.id)
    .where(Booking.customer_id == bindparam("customer"))
)
_NEWEST = SHOWN.order_by(Booking.created_at.desc(), Booking.id.desc()).limit(bindparam("most"))


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
