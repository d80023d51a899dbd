"""Find a chef as a customer: free chefs, free times, public pages. Source: docs/product.md#choosing-a-provider.

Each result can be booked, because candidates and free times come from the same statement and calendar as bookings.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from shared.appointments.policy import BookingTerms
from shared.appointments.providers.calendar import Calendar, Slot
from shared.appointments.providers.candidates import CIRCLES, FIT, LOCATIONS, candidates_sql, search_parameters
from shared.appointments.request import refuse_place, refuse_time
from shared.bookings.models import IS_ACTIVE
from shared.kit.clock import instant
from shared.kit.errors import Invalid
from shared.kit.paging import PageView, pack, page_of, unpack
from shared.lines.home_chef import pricing
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.rate_card import RateCard
from shared.lines.home_chef.schemas import (
    FreeChefsQuery,
    FreeChefView,
    FreeTimesQuery,
    FreeTimesView,
    PublicChefView,
)
from shared.lines.home_chef.views import FreeChef, free_chef_view, public_chef_view
from shared.lines.home_chef.visit import ZONE, ChefNotFound
from shared.places.serviceability import Coverage, Place

BIGGEST = 2**63 - 1
HALF_HOURS = [time(hour, minute) for hour in range(24) for minute in (0, 30)]
# Each chef starts with ten assumed ratings of 4.3 stars, so that one rating of five stars moves a new chef only a
# little, and a hundred ratings of 4.8 rank higher.
PRIOR_RATINGS, PRIOR_STARS = 10, 43
MICRO = 1_000_000  # scores are compared as whole millionths of a star
NEWEST_RATINGS = 10


@dataclass(frozen=True)
class Rank:
    """The sort key of a chef in the list: by score (millionths of a star), then the lower rate (paise an hour), then the id."""

    score: int
    rate: int
    id: UUID

    def encode(self) -> str:
        return pack(self.score, self.rate, str(self.id))

    @classmethod
    def decode(cls, cursor: str) -> "Rank":
        """Read a cursor that `encode` made; raises Invalid for any other text."""
        return unpack(cursor, cls._read)

    @classmethod
    def _read(cls, score: Any, rate: Any, chef_id: Any) -> "Rank":
        if not all(type(number) is int and 0 <= number <= BIGGEST for number in (score, rate)):
            raise ValueError("a rank is made of numbers")
        return cls(score, rate, UUID(chef_id))


_ADDRESS = """
  select a.city, a.pincode, a.latitude, a.longitude from addresses a where a.id = :address and a.user_id = :customer
"""
_FREE_CHEFS = text(f"""
with place as ({_ADDRESS}
  union all
  select cast(:city as text), cast(:pincode as text), null, null where cast(:city as text) is not null
), terms as (
  {LINE.terms_sql}
), ranked as (
  select p.user_id as id, found.name, p.bio, p.specialties, p.experience_years, p.rating, p.rating_count,
    p.total_bookings, p.rate as hourly_rate,
    ({PRIOR_STARS} + p.rating_sum) * cast({MICRO} as bigint) / ({PRIOR_RATINGS} + p.rating_count) as score
  from place, terms, lateral ({candidates_sql()}) found join providers p on p.user_id = found.id
  where found.works and not found.busy
), page as (
  select * from ranked where cast(:after_id as uuid) is null
    or (-score, hourly_rate, id) > (-cast(:after_score as bigint), cast(:after_rate as bigint), cast(:after_id as uuid))
  order by score desc, hourly_rate, id limit :rows
)
select
  (select to_jsonb(place) from place) as address,
  {LOCATIONS} as locations,
  {CIRCLES} as circles,
  (select to_jsonb(terms) from terms) as terms,
  coalesce((select jsonb_agg(to_jsonb(page) order by score desc, hourly_rate, id) from page), '[]') as chefs
""")


def free_chefs(session: Session, customer_id: UUID, query: FreeChefsQuery, now: datetime) -> PageView[FreeChefView]:
    """Return a page of the chefs who are free for a visit with its price, the best rated first, in one statement.

    How often a chef declined does not count. Raises Invalid for an address that is not the customer's and a time
    that is too soon or too far ahead, NotServiceable for a place that is not served.
    """
    after = None if query.cursor is None else Rank.decode(query.cursor)
    starts_at = instant(query.booking_date, query.time_slot, ZONE)
    ends_at = starts_at + timedelta(hours=query.duration_hours)
    place = {"customer": customer_id, "address": query.address_id, "city": query.city, "pincode": query.pincode}
    last = {f"after_{name}": getattr(after, name, None) for name in ("score", "rate", "id")}
    anybody = {"provider": None, "rows": query.limit + 1, **search_parameters(LINE, starts_at, ends_at, (), now)}
    row = session.execute(_FREE_CHEFS, place | last | anybody).one()
    terms = _terms_of_served(row)
    refuse_time(starts_at, terms, now, "query.")
    chefs = [FreeChef.from_row(found) for found in row.chefs]
    shown, cursor = page_of(chefs, query.limit, lambda chef: Rank(chef.score, chef.hourly_rate, UUID(chef.id)))
    rates = RateCard.from_row(terms.rates)

    def total(rate: int) -> int:
        hours, guests = query.duration_hours, query.guest_count
        return pricing.quote(rate, hours, guests, query.time_slot, rates).total

    items = [free_chef_view(chef, total(chef.hourly_rate)) for chef in shown]
    return PageView(items=items, next_cursor=cursor)


def _terms_of_served(row: Row[Any]) -> BookingTerms:
    """Return the booking terms for a served place; refuses any other place."""
    if row.address is None:
        raise Invalid("query.address_id", "is not one of your addresses")
    refuse_place(Place(**row.address), Coverage.from_rows(row.locations, row.circles))
    return BookingTerms.from_row(row.terms)


# The span includes the gap after a visit that starts in the last minute of the window.
_CALENDARS = text(f"""
with place as ({_ADDRESS}), terms as (
  {LINE.terms_sql}
), found as (
  select jsonb_build_object(
    'week', coalesce((select jsonb_agg(jsonb_build_array(w.weekday, w.starts, w.ends))
      from provider_availability w where w.provider_id = p.user_id), '[]'),
    'days_off', coalesce((select jsonb_agg(d.day)
      from provider_days_off d where d.provider_id = p.user_id and d.day between :first_day and :last_day), '[]'),
    'busy', coalesce((select jsonb_agg(jsonb_build_array(lower(b.busy_period), upper(b.busy_period)))
      from bookings b where b.provider_id = p.user_id and b.{IS_ACTIVE} and b.busy_period && tstzrange(:start,
        cast(:end as timestamptz) + make_interval(mins => terms.gap_minutes))), '[]')
  ) as calendar
  from place, terms, providers p join users u on u.id = p.user_id
  where {FIT}
)
select
  (select to_jsonb(place) from place) as address,
  {LOCATIONS} as locations,
  {CIRCLES} as circles,
  (select to_jsonb(terms) from terms) as terms,
  coalesce((select jsonb_agg(calendar) from found), '[]') as calendars
""")


def free_times(session: Session, customer_id: UUID, query: FreeTimesQuery, now: datetime) -> FreeTimesView:
    """Return the times of a day at which a visit could start, with one chef or with any, in one statement.

    Raises Invalid for an address that is not the customer's, NotServiceable for a place that is not served.
    """
    row = session.execute(_CALENDARS, _day(customer_id, query, now)).one()
    terms, length = _terms_of_served(row), timedelta(hours=query.duration_hours)
    calendars = [_calendar(found, terms.gap) for found in row.calendars]
    earliest, latest = now + terms.lead, now + terms.horizon

    def is_free(at: time) -> bool:
        start = instant(query.booking_date, at, ZONE)
        return earliest <= start <= latest and any(one.is_free(start, start + length) for one in calendars)

    return FreeTimesView(
        booking_date=query.booking_date,
        time_zone=ZONE,
        duration_hours=query.duration_hours,
        time_slots=[at for at in HALF_HOURS if is_free(at)],
    )


def _day(customer_id: UUID, query: FreeTimesQuery, now: datetime) -> dict[str, Any]:
    """Return the statement's parameters for a day, whose visits may end on the next day."""
    next_day = query.booking_date + timedelta(days=1)
    return {
        "line": LINE.name,
        "customer": customer_id,
        "address": query.address_id,
        "provider": query.chef_id,
        "first_day": query.booking_date,
        "last_day": next_day,
        "start": instant(query.booking_date, time(), ZONE),
        "end": instant(next_day, time(), ZONE) + timedelta(hours=query.duration_hours),
        "now": now,
    }


def _calendar(row: dict[str, Any], gap: timedelta) -> Calendar:
    return Calendar(
        zone=ZONE,
        week=[Slot(*slot) for slot in row["week"]],
        days_off=frozenset(map(date.fromisoformat, row["days_off"])),
        busy=[(datetime.fromisoformat(start), datetime.fromisoformat(until)) for start, until in row["busy"]],
        gap=gap,
    )


_PUBLIC = text("""
select p.user_id as id, u.name, p.bio, p.specialties, p.experience_years, p.rating, p.rating_count, p.total_bookings,
  p.rate as hourly_rate,
  coalesce((select jsonb_agg(jsonb_build_array(w.weekday, w.starts, w.ends) order by w.weekday, w.starts)
    from provider_availability w where w.provider_id = p.user_id), '[]') as week,
  coalesce((select jsonb_agg(to_jsonb(newest) order by newest.created_at desc, newest.booking_id desc) from (
    select r.booking_id, r.stars, r.comment, r.created_at, customer.name
    from ratings r join bookings b on b.id = r.booking_id join users customer on customer.id = b.customer_id
    where r.provider_id = p.user_id order by r.created_at desc, r.booking_id desc limit :ratings
  ) newest), '[]') as ratings
from providers p join users u on u.id = p.user_id
where p.user_id = :chef and p.line = :line and p.is_verified and u.is_active
""")


def public_chef(session: Session, chef_id: UUID) -> PublicChefView:
    """Return a chef's public profile, in one statement.

    Raises ChefNotFound, also for a chef who is not verified or deactivated.
    """
    parameters = {"chef": chef_id, "line": LINE.name, "ratings": NEWEST_RATINGS}
    row = session.execute(_PUBLIC, parameters).one_or_none()
    if row is None:
        raise ChefNotFound
    return public_chef_view(row)
