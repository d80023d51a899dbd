"""A customer finds a chef: who is free for a visit, at what times, and who they are (PRODUCT, "A booking", Chef).

What is offered here is what can be booked: the same statement says who is free, the same calendar says when.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from shared.kit.clock import instant, minutes
from shared.kit.errors import Invalid, NotFound
from shared.kit.paging import PageView, pack, page_of, unpack
from shared.lines.home_chef import visits
from shared.lines.home_chef.chefs import queries
from shared.lines.home_chef.chefs.schemas import (
    FreeChefsQuery,
    FreeChefView,
    FreeTimesQuery,
    FreeTimesView,
    PublicChefView,
)
from shared.lines.home_chef.chefs.views import free_chef_view, public_chef_view
from shared.lines.home_chef.slots import Calendar, Slot
from shared.lines.home_chef.tariff import Tariff
from shared.lines.home_chef.visits import ZONE, Wanted

BIGGEST = 2**63 - 1
HALF_HOURS = [time(hour, minute) for hour in range(24) for minute in (0, 30)]


class ChefNotFound(NotFound):
    code = "chef_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such chef.")


@dataclass(frozen=True)
class Rank:
    """Where a chef stands: by score (millionths of a star), then the lower rate (paise an hour), then the id."""

    score: int
    rate: int
    id: UUID

    def encode(self) -> str:
        return pack(self.score, self.rate, str(self.id))

    @classmethod
    def decode(cls, cursor: str) -> "Rank":
        """Read a cursor we gave; raises Invalid for anything else."""
        return unpack(cursor, cls._read)

    @classmethod
    def _read(cls, score: Any, rate: Any, chef_id: Any) -> "Rank":
        if not all(type(number) is int and 0 <= number <= BIGGEST for number in (score, rate)):
            raise ValueError("a rank is made of numbers")
        return cls(score, rate, UUID(chef_id))


def free_chefs(session: Session, customer_id: UUID, query: FreeChefsQuery, now: datetime) -> PageView[FreeChefView]:
    """Return the chefs who are free for a visit with its price, those rated best first.

    How often a chef declined does not count. Raises Invalid for an address that is not the customer's and a time that
    is too soon or too far ahead, NotServiceable for a place we do not come to.
    """
    wanted, after = Wanted.of(query.visit()), None if query.cursor is None else Rank.decode(query.cursor)
    place = {"customer": customer_id, "address": query.address_id, "city": query.city, "pincode": query.pincode}
    last = {f"after_{name}": getattr(after, name, None) for name in ("score", "rate", "id")}
    anybody = {"chef": None, "tried": "{}", "rows": query.limit + 1, "now": now}
    row = queries.free_chefs(session, place | last | anybody | visits.span(wanted.starts_at, wanted.ends_at))
    tariff = _tariff_of_served(row)
    visits.refuse_time(wanted.starts_at, tariff, now, "query.")
    shown, cursor = page_of(row.chefs, query.limit, _rank)
    items = [free_chef_view(chef, visits.price(wanted, chef["hourly_rate"], tariff).total) for chef in shown]
    return PageView(items=items, next_cursor=cursor)


def _rank(chef: dict[str, Any]) -> Rank:
    return Rank(chef["score"], chef["hourly_rate"], UUID(chef["id"]))


def _tariff_of_served(row: Row[Any]) -> Tariff:
    """Return the tariff of a place we come to; refuses any other."""
    if row.address is None:
        raise Invalid("query.address_id", "is not one of your addresses")
    visits.refuse_place(row.address, row.locations, row.circles)
    return Tariff.from_row(row.tariff["rates"])


def free_times(session: Session, customer_id: UUID, query: FreeTimesQuery, now: datetime) -> FreeTimesView:
    """Return at what times of a day a visit could start, with one chef or with any.

    Raises Invalid for an address that is not the customer's, NotServiceable for a place we do not come to.
    """
    row = queries.calendars(session, _day(customer_id, query, now))
    tariff, length = _tariff_of_served(row), timedelta(hours=query.duration_hours)
    calendars = [_calendar(found, minutes(tariff.gap_minutes)) for found in row.calendars]
    earliest, latest = now + minutes(tariff.lead_minutes), now + timedelta(days=tariff.horizon_days)

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
    """Return what the statement about a day asks for: its visits may end on the next one."""
    next_day = query.booking_date + timedelta(days=1)
    return {
        "customer": customer_id,
        "address": query.address_id,
        "chef": query.chef_id,
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
        held=[(datetime.fromisoformat(start), datetime.fromisoformat(until)) for start, until in row["held"]],
        gap=gap,
    )


def public(session: Session, chef_id: UUID) -> PublicChefView:
    """Return a chef as customers see them. Raises ChefNotFound, also for one who is not verified or deactivated."""
    row = queries.public_chef(session, chef_id)
    if row is None:
        raise ChefNotFound
    return public_chef_view(row)
