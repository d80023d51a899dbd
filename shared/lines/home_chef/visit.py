"""A chef's visit: the request, and the details stored with its appointment."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.appointments.facts import AppointmentFacts
from shared.appointments.request import (
    AppointmentRequest,
    NoProviderFree,
    ProviderNotFound,
    ProviderUnavailable,
    times,
)
from shared.kit.clock import INDIA
from shared.kit.stored import Stored
from shared.lines.home_chef.schemas import QuoteRequest

NAME = "home_chef"
CHEF = "chef"
ZONE = INDIA  # the time zone of every city of this line


class NoChefFree(NoProviderFree):
    code, title = "no_chef_free", "No chef is free"
    sentence = "No chef is free then. Try another time."


class ChefUnavailable(ProviderUnavailable):
    code, title = "chef_unavailable", "This chef is not free then"
    busy = "This chef has another visit then."
    elsewhere = "This chef does not take visits there."
    paused = "This chef takes no visits at the moment."
    times_listed = "This chef is not free then. The nearest free times are listed."


class ChefNotFound(ProviderNotFound):
    code = "chef_not_found"
    sentence = "There is no such chef."


@dataclass(frozen=True, kw_only=True)
class VisitFacts(AppointmentFacts):
    """The facts that a visit's mails show."""

    guests: int = 0
    hours: int = 0


@dataclass(frozen=True)
class VisitDetails(Stored):
    """The details that a visit stores with its appointment; the rate is paise an hour."""

    duration_hours: int
    guest_count: int
    special_requests: str | None
    rate: int


@dataclass(frozen=True, kw_only=True)
class VisitRequest(AppointmentRequest):
    """A customer's request for a visit."""

    duration_hours: int
    guest_count: int
    special_requests: str | None = None

    @classmethod
    def of(cls, body: QuoteRequest, **more: Any) -> "VisitRequest":
        """Return the request of a body; `more` are the fields of a derived request."""
        return cls(
            **vars(times(body.booking_date, body.time_slot, timedelta(hours=body.duration_hours), ZONE)),
            address_id=body.address_id,
            provider_id=body.chef_id,
            duration_hours=body.duration_hours,
            guest_count=body.guest_count,
            special_requests=body.special_requests,
            **more,
        )
