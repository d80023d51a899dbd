"""The search for a provider: statements that find candidates for an appointment, and the loop that tries them.

Locks are taken in one order: customer, provider, booking. Of two requests that find the same provider, the second
waits for the provider's row, and the exclusion constraint on `bookings` refuses it.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from shared.appointments.line import AppointmentLine
from shared.appointments.models import Appointment
from shared.appointments.providers.calendar import days_touched, minute_of_week
from shared.appointments.request import AppointmentRequest, Candidate
from shared.bookings.models import IS_ACTIVE, SLOT_TAKEN
from shared.kit.clock import minutes
from shared.kit.database import ConstraintViolated, Parameters, TransactionConflict
from shared.kit.errors import DependencyDown

MOST_RANKED = 200  # candidates that a line's own ranking may reorder
REF_TAKEN = "uq_bookings_ref"
Who = TypeVar("Who")
Done = TypeVar("Done")

# The conditions a provider must meet for a place at any time; `:provider` names one of them, null is any.
FIT = """p.line = :line and p.is_verified and p.is_available and u.is_active
  and lower(p.service_city) = lower(place.city) and (cast(:provider as uuid) is null or p.user_id = :provider)"""
# The locations of the place's city.
LOCATIONS = """coalesce((select jsonb_agg(jsonb_build_object('id', l.id, 'pincode', l.pincode, 'is_serviceable', l.is_serviceable))
    from place join locations l on lower(l.city) = lower(place.city)), '[]')"""
CIRCLES = """coalesce((select jsonb_agg(jsonb_build_object('location_id', s.location_id, 'name', s.name, 'latitude', s.latitude,
      'longitude', s.longitude, 'radius_km', s.radius_km))
    from place join locations l on lower(l.city) = lower(place.city)
    join service_areas s on s.location_id = l.id and s.is_active), '[]')"""


def candidates_sql(facts: str = "") -> str:
    """Return the select of each fit provider's facts for one appointment, beside the CTEs `place` and `terms`.

    `works`: the week, joined to one multirange so that adjacent slots are one, covers the appointment. `facts` are
    further columns of `p`, each behind a comma.
    """
    return f"""
select p.user_id as id, u.name, p.rate, p.rating, p.calendar_version{facts},
  coalesce((
    select range_agg(int4range(w.weekday * 1440 + w.starts + lap, w.weekday * 1440 + w.ends + lap))
      @> int4range(cast(:minute as int), cast(:minute as int) + cast(:length as int))
    from provider_availability w, (values (0), (10080)) laps(lap) where w.provider_id = p.user_id
  ), false)
  and not exists (select from provider_days_off d where d.provider_id = p.user_id and d.day = any(cast(:days as date[])))
  as works,
  exists (
    select from bookings b where b.provider_id = p.user_id and b.{IS_ACTIVE}
    and b.busy_period && tstzrange(:start, cast(:end as timestamptz) + make_interval(mins => terms.gap_minutes))
  ) as busy
from providers p join users u on u.id = p.user_id
where {FIT} and p.user_id <> all(cast(:excluded as uuid[]))
"""


def span(start: datetime, end: datetime, zone: str) -> Parameters:
    """Return the times of an appointment as parameters of the statements above."""
    return {
        "minute": minute_of_week(start, zone),
        "length": (end - start) // minutes(1),
        "days": _array(days_touched(start, end, zone)),
        "start": start,
        "end": end,
    }


def search_parameters(
    line: AppointmentLine, start: datetime, end: datetime, excluded: Sequence[UUID], now: datetime
) -> Parameters:
    """Return the parameters of a search for providers who are free then, without those excluded."""
    return {"line": line.name, "excluded": _array(excluded), "now": now, **span(start, end, line.time_zone)}


def _array(values: Sequence[Any]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


@dataclass
class CandidateSearch:
    """One search, repeated while other requests book its candidates first: the excluded ones, and the one tried now."""

    excluded: list[UUID] = field(default_factory=list)
    tried: UUID | None = None

    def exclude_taken(self, violation: ConstraintViolated) -> None:
        """Exclude the candidate whose time was taken; re-raises a violation of any other constraint."""
        if violation.constraint == SLOT_TAKEN and self.tried is not None:
            self.excluded.append(self.tried)
        elif violation.constraint != REF_TAKEN:
            raise violation


class Stale(Exception):
    """Data that was read before the locks has changed: retry in a new transaction."""


def retry(
    begin: Callable[[], AbstractContextManager[tuple[Session, Who]]],
    decide: Callable[[Session, Who, CandidateSearch], Done],
    tries: int,
) -> Done:
    """Run a decision in a transaction of its own, and retry with the next candidate if another request took this one.

    Raises DependencyDown after `tries`, and any error of the decision.
    """
    search = CandidateSearch()
    for _ in range(tries):
        try:
            with begin() as (session, who):
                return decide(session, who, search)
        except ConstraintViolated as violation:
            search.exclude_taken(violation)
        except (Stale, TransactionConflict):
            continue
    raise DependencyDown("Too many people are booking at once. Please try again.", retry_after=1)


def ranked(
    line: AppointmentLine, candidates: Sequence[Candidate], request: AppointmentRequest | None
) -> Sequence[Candidate]:
    """Return the candidates in the order of their offers: the line's ranking, or the statement's."""
    return line.rank(candidates, request) if line.ranks and request is not None else candidates


@cache
def _next(line: AppointmentLine) -> TextClause:
    """Return the statement that chooses a booking's next candidate and locks the provider, like the WRITE."""
    return text(f"""
with place as (
  select city from bookings where id = :booking
), terms as (
  {line.terms_sql}
), candidate as (
  select found.* from place, terms, lateral ({candidates_sql(line.candidate_facts)}) found
  where works and not busy
  and not exists (select from offers o where o.booking_id = :booking and o.provider_id = found.id)
  and (cast(:most_offers as int) is null
    or (select count(*) from offers o where o.booking_id = :booking) < cast(:most_offers as int))
  order by {line.candidate_order} limit :most
), locked as (
  select u.id from candidate, users u join providers p on p.user_id = u.id
  where u.id = candidate.id and u.is_active and p.calendar_version = candidate.calendar_version and :lock
  for no key update of u, p
)
select to_jsonb(candidate), exists (select from locked) from candidate
""")


def next_candidate(
    session: Session, line: AppointmentLine, appointment: Appointment, search: CandidateSearch, now: datetime
) -> UUID | None:
    """Choose a booking's next free provider who had no offer for it, and lock the provider's row; None if none is free.

    Raises Stale if the provider's calendar changes meanwhile.
    """
    parameters = {
        **search_parameters(line, appointment.starts_at, appointment.ends_at, search.excluded, now),
        "booking": appointment.booking_id,
        "most_offers": line.policy.most_offers,
    }
    chosen = None
    if line.ranks:
        found = session.execute(_next(line), {**parameters, "provider": None, "most": MOST_RANKED, "lock": False}).all()
        order = ranked(line, [Candidate.from_row(row[0]) for row in found], line.request_of(appointment))
        if not order:
            return None
        chosen = order[0].id
    row = session.execute(_next(line), {**parameters, "provider": chosen, "most": 1, "lock": True}).one_or_none()
    if row is None:
        return None
    if not row[1]:
        raise Stale
    search.tried = UUID(row[0]["id"])
    return search.tried


_LOCK = text("""
select u.id from users u join providers p on p.user_id = u.id
where u.id = :provider and p.line = :line and u.is_active and p.is_verified for no key update of u, p
""")


def lock_provider(session: Session, line: AppointmentLine, provider_id: UUID) -> bool:
    """Lock the row of a verified, active provider of a line, before any booking's; False if there is none."""
    return session.execute(_LOCK, {"provider": provider_id, "line": line.name}).first() is not None
