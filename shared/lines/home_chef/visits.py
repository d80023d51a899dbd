"""A visit that somebody wants: when it would be, what it would cost, who could cook it. Decided, not yet stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from shared.idempotency import queries as idempotency
from shared.idempotency.queries import Key
from shared.kit.clock import instant, local, minutes
from shared.kit.errors import Invalid, Refusal
from shared.kit.hourly import HOUR, LastHour
from shared.lines.home_chef import placing, pricing
from shared.lines.home_chef.chefs import candidates
from shared.lines.home_chef.schemas import QuoteRequest
from shared.lines.home_chef.slots import DAY, Calendar, Slot, days_touched, nearest_free
from shared.lines.home_chef.tariff import Tariff
from shared.places.serviceability import Circle, Place, Served, decide

ZONE = "Asia/Kolkata"  # every city of this line lies in it


class NotServiceable(Refusal):
    status, code, title = 409, "not_serviceable", "We do not come there yet"


class NoChefFree(Refusal):
    code, title = "no_chef_free", "No chef is free"


class ChefUnavailable(Refusal):
    code, title = "chef_unavailable", "This chef is not free then"


class TooManyUnpaid(Refusal):
    code, title = "too_many_unpaid", "Pay for your other bookings first"


class Overlapping(Refusal):
    code, title = "overlapping_booking", "You have a visit then"


@dataclass(frozen=True)
class Chef:
    """A chef who could take the visit, at paise an hour; `free` as the statement saw it, by that version of a calendar."""

    id: UUID
    name: str | None
    rate: int
    works: bool
    busy: bool
    calendar: int

    @property
    def free(self) -> bool:
        return self.works and not self.busy


@dataclass(frozen=True)
class Wanted:
    """A request with its instants (UTC)."""

    request: QuoteRequest
    starts_at: datetime
    ends_at: datetime

    @classmethod
    def of(cls, request: QuoteRequest) -> "Wanted":
        starts_at = instant(request.booking_date, request.time_slot, ZONE)
        return cls(request, starts_at, starts_at + timedelta(hours=request.duration_hours))


@dataclass(frozen=True)
class Facts:
    """What one statement told of a wanted visit."""

    address: dict[str, Any]
    tariff: Tariff
    valid_from: datetime
    cancellation: dict[str, Any]
    chef: Chef | None
    unpaid: int
    overlapping: str | None
    booked: LastHour
    quoted: LastHour

    @property
    def gap(self) -> timedelta:
        return minutes(self.tariff.gap_minutes)

    def place(self) -> dict[str, Any]:
        """Return the address as a booking keeps it, whatever becomes of the row."""
        names = ("label", "full_address", "city", "state", "pincode", "latitude", "longitude")
        return {name: self.address[name] for name in names}


def facts(
    session: Session, customer_id: UUID, wanted: Wanted, now: datetime, *, key: Key | None, lost: Sequence[UUID] = ()
) -> Facts:
    """Read what decides about a visit, leaving out the chefs in `lost`.

    Refuses what no chef can change: the address, the place, the time. Raises Replayed for a key answered before.
    """
    row = placing.facts(session, _parameters(customer_id, wanted, lost, key, now))
    idempotency.give_again(key, row.answered)
    if row.address is None:
        raise Invalid("address_id", "is not one of your addresses")
    found = Facts(
        address=row.address,
        tariff=Tariff.from_row(row.tariff["rates"]),
        valid_from=datetime.fromisoformat(row.tariff["valid_from"]),
        cancellation=row.tariff["cancellation"],
        chef=_chef(row.chef),
        unpaid=row.unpaid,
        overlapping=row.overlapping,
        booked=LastHour.of(row.booked),
        quoted=LastHour.of(row.quoted),
    )
    refuse_place(row.address, row.locations, row.circles)
    refuse_time(wanted.starts_at, found.tariff, now)
    return found


def _parameters(
    customer_id: UUID, wanted: Wanted, lost: Sequence[UUID], key: Key | None, now: datetime
) -> dict[str, Any]:
    return {
        "customer": customer_id,
        "address": wanted.request.address_id,
        "chef": wanted.request.chef_id,
        **search(wanted.starts_at, wanted.ends_at, lost, now),
        "hour_ago": now - HOUR,
        **idempotency.parameters(key, now),
    }


def span(start: datetime, end: datetime) -> dict[str, Any]:
    """Return when a visit would be, as the statements about chefs ask for it."""
    at = local(start, ZONE)
    return {
        "minute": at.weekday() * DAY + at.hour * 60 + at.minute,
        "length": (end - start) // minutes(1),
        "days": "{" + ",".join(map(str, days_touched(start, end, ZONE))) + "}",
        "start": start,
        "end": end,
    }


def search(start: datetime, end: datetime, lost: Sequence[UUID], now: datetime) -> dict[str, Any]:
    """Return the parameters by which a statement looks for chefs who are free then, leaving out those in `lost`."""
    return {"tried": "{" + ",".join(map(str, lost)) + "}", "now": now, **span(start, end)}


def _chef(row: dict[str, Any] | None) -> Chef | None:
    if row is None:
        return None
    return Chef(UUID(row["id"]), row["name"], row["rate"], row["works"], row["busy"], row["calendar_version"])


def refuse_place(address: dict[str, Any], locations: list[dict[str, Any]], circles: list[dict[str, Any]]) -> None:
    """Raise NotServiceable, naming the rule, for a place we do not come to."""
    place = Place(address["city"], address["pincode"], address["latitude"], address["longitude"])
    decision = decide(place, [Served(**row) for row in locations], [Circle(**row) for row in circles])
    if not decision.serviceable:
        raise NotServiceable("We do not come to this address yet.", rule=decision.rule)


def refuse_time(starts_at: datetime, tariff: Tariff, now: datetime, where: str = "") -> None:
    """Raise Invalid for a start too near or too far ahead; `where` stands before the field, as `query.`."""
    if starts_at < now + minutes(tariff.lead_minutes):
        raise Invalid(f"{where}time_slot", f"must be at least {tariff.lead_minutes // 60} h ahead")
    if starts_at > now + timedelta(days=tariff.horizon_days):
        raise Invalid(f"{where}booking_date", f"must be within {tariff.horizon_days} days")


def chosen(session: Session, wanted: Wanted, found: Facts, now: datetime) -> Chef:
    """Return the chef for the visit: the one asked for, or the free one the statement chose; refuses with what is free."""
    if found.chef is not None and found.chef.free:
        return found.chef
    if wanted.request.chef_id is None:
        raise NoChefFree("No chef is free then. Try another time.")
    if found.chef is None:
        raise ChefUnavailable("This chef does not take visits there.", nearest=[])
    raise busy(session, wanted, found, found.chef.id, now)


def busy(session: Session, wanted: Wanted, found: Facts, chef_id: UUID, now: datetime) -> ChefUnavailable:
    """Return the refusal of a named chef who is not free, with the nearest times at which he is."""
    known = calendar(session, chef_id, wanted.starts_at, wanted.ends_at, found.gap)
    return unavailable(known, wanted.starts_at, wanted.ends_at, found.tariff, now)


def calendar(
    session: Session,
    chef_id: UUID,
    starts_at: datetime,
    ends_at: datetime,
    gap: timedelta,
    without: UUID | None = None,
) -> Calendar:
    """Read a chef's calendar two days around a visit; `without` is a booking whose time counts as free."""
    window = timedelta(days=2)
    week, days_off, held = candidates.calendar(session, chef_id, starts_at - window, ends_at + window + gap, without)
    return Calendar(
        zone=ZONE,
        week=[Slot(*slot) for slot in week],
        days_off=frozenset(days_off),
        held=[(span.lower, span.upper) for span in held],
        gap=gap,
    )


def unavailable(
    known: Calendar, starts_at: datetime, ends_at: datetime, tariff: Tariff, now: datetime
) -> ChefUnavailable:
    """Return the refusal of a time at which a chef is not free, with the nearest at which he is."""
    earliest, latest = now + minutes(tariff.lead_minutes), now + timedelta(days=tariff.horizon_days)
    times = nearest_free(known, starts_at, ends_at - starts_at, earliest, latest)
    nearest = [local(at, ZONE).isoformat(timespec="minutes") for at in times]
    return ChefUnavailable("This chef is not free then. The nearest free times are listed.", nearest=nearest)


def price(wanted: Wanted, rate: int, tariff: Tariff) -> pricing.Breakdown:
    request = wanted.request
    return pricing.quote(rate, request.duration_hours, request.guest_count, request.time_slot, tariff)
