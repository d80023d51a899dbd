"""A customer's request for an appointment, and the context that one statement reads for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from shared.appointments.policy import BookingTerms
from shared.kit.clock import instant
from shared.kit.errors import Invalid, NotFound, Refusal
from shared.kit.rate_limit import LastHour
from shared.kit.stored import JsonScalar
from shared.places.serviceability import Coverage, Place, decide


class NotServiceable(Refusal):
    code, title = "not_serviceable", "We do not come there yet"


class ProviderNotFound(NotFound):
    code = "provider_not_found"
    sentence = "There is no such provider."

    def __init__(self) -> None:
        super().__init__(self.sentence)


class NoProviderFree(Refusal):
    code, title = "no_provider_free", "No provider is free"
    sentence = "No provider is free then. Please try another time."

    def __init__(self) -> None:
        super().__init__(self.sentence)


class ProviderUnavailable(Refusal):
    code, title = "provider_unavailable", "This provider is not free then"
    busy = "This provider has another appointment then."
    elsewhere = "This provider does not take appointments there."
    paused = "This provider takes no appointments at the moment."
    times_listed = "This provider is not free then. The nearest free times are listed."


class TooManyUnpaid(Refusal):
    code, title = "too_many_unpaid", "Pay for your other bookings first"


class Overlapping(Refusal):
    code, title = "overlapping_booking", "You have another booking then"


@dataclass(frozen=True, kw_only=True)
class AppointmentTimes:
    """The times of an appointment: day and time of day are the place's own, instants are UTC."""

    booking_date: date
    time_slot: time
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, kw_only=True)
class AppointmentRequest(AppointmentTimes):
    """A customer's request for an appointment; a line adds its own fields."""

    address_id: UUID
    provider_id: UUID | None = None

    def refuse_expired(self, now: datetime) -> None:
        """Raise the line's refusal if the request was valid only until an earlier instant."""


def times(day: date, at: time, length: timedelta, zone: str) -> AppointmentTimes:
    """Return the times of an appointment that starts on a local day at a local time."""
    starts_at = instant(day, at, zone)
    return AppointmentTimes(booking_date=day, time_slot=at, starts_at=starts_at, ends_at=starts_at + length)


@dataclass(frozen=True)
class Address:
    """The copy of an address that a booking stores; later changes of the customer's address do not affect it."""

    label: str
    full_address: str
    city: str
    state: str | None
    pincode: str
    latitude: float | None
    longitude: float | None

    @property
    def place(self) -> Place:
        return Place(self.city, self.pincode, self.latitude, self.longitude)


@dataclass(frozen=True)
class Candidate:
    """A provider who could take an appointment, as read by the search; `facts` are the line's own columns."""

    id: UUID
    name: str | None
    rate: int | None
    rating: float | None
    works: bool
    busy: bool
    calendar_version: int
    facts: Mapping[str, JsonScalar | Sequence[JsonScalar]] = field(default_factory=dict)

    @property
    def is_free(self) -> bool:
        return self.works and not self.busy

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Candidate":
        own = {"id", "name", "rate", "rating", "works", "busy", "calendar_version"}
        more = {name: value for name, value in row.items() if name not in own}
        return cls(**{name: row[name] for name in own - {"id"}}, id=UUID(row["id"]), facts=more)


@dataclass(frozen=True)
class BookingContext:
    """All data that a request depends on, read by one statement.

    `candidates` are the free ones in the order of their offers; if none is free, those that were found busy or away.
    """

    address: Address
    terms: BookingTerms
    candidates: Sequence[Candidate]
    unpaid: int
    overlapping: str | None
    counts: Mapping[str, LastHour]


def refuse_place(place: Place, coverage: Coverage) -> None:
    """Raise NotServiceable, naming the rule, for a place that is not served."""
    decision = decide(place, coverage)
    if not decision.serviceable:
        raise NotServiceable("We do not come to this address yet.", rule=decision.rule)


def refuse_time(starts_at: datetime, terms: BookingTerms, now: datetime, where: str = "") -> None:
    """Raise Invalid for a start too near or too far ahead; `where` is the field's prefix, as `query.`."""
    if starts_at < now + terms.lead:
        raise Invalid(f"{where}time_slot", f"must be at least {terms.lead // timedelta(hours=1)} h ahead")
    if starts_at > now + terms.horizon:
        raise Invalid(f"{where}booking_date", f"must be within {terms.horizon.days} days")
