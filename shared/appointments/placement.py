"""Book an appointment: one READ, a price, one WRITE, in one transaction. Source: docs/product.md#bookings.

The refusal of a named provider also reads the provider's calendar. In a line with `offered_at_booking`, further
statements after the WRITE request the provider's answer.

The customer's row is locked first, so that one customer's requests run in sequence. The database refuses overlapping
appointments of one provider; a request that loses such a race, and names no provider, takes the next free one.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from shared.appointments import notify
from shared.appointments.line import AppointmentLine, Placement
from shared.appointments.models import Appointment, Offer
from shared.appointments.policy import BookingTerms
from shared.appointments.providers import queries as providers
from shared.appointments.providers.calendar import Calendar, nearest_free
from shared.appointments.providers.candidates import (
    CIRCLES,
    LOCATIONS,
    MOST_RANKED,
    CandidateSearch,
    Stale,
    candidates_sql,
    ranked,
    retry,
    search_parameters,
)
from shared.appointments.request import (
    Address,
    AppointmentRequest,
    BookingContext,
    Candidate,
    Overlapping,
    ProviderUnavailable,
    TooManyUnpaid,
    refuse_place,
    refuse_time,
)
from shared.bookings.models import IS_ACTIVE, Booking, BookingEvent
from shared.idempotency import queries as idempotency
from shared.idempotency.queries import Key
from shared.kit.clock import local
from shared.kit.errors import Invalid, TooManyRequests
from shared.kit.ids import booking_ref, new_id
from shared.kit.insertion import insert_from
from shared.kit.rate_limit import HOUR, LastHour
from shared.kit.schemas import Body, View
from shared.notifications import queries as notifications
from shared.payments.models import WHOLE, Payment
from shared.places.serviceability import Coverage
from shared.sign_in.sessions import Identified

TRIES = 50  # lost races for a provider before the request fails with DependencyDown
BOOKED = "booked"
Begin = Callable[[], AbstractContextManager[tuple[Session, Identified]]]
KeyOf = Callable[[Identified], Key | None]


@dataclass(frozen=True)
class Limits:
    """The time to pay a booking, and a customer's most unpaid bookings and most bookings in an hour."""

    time_to_pay: timedelta
    unpaid_bookings: int
    per_hour: int


class TooManyBookings(TooManyRequests):
    code, title = "too_many_bookings", "Too many bookings in an hour"


def place(begin: Begin, line: AppointmentLine, body: Body, key_of: KeyOf, limits: Limits, now: datetime) -> View:
    """Store a booking and return it as its customer sees it.

    `begin` opens a transaction that locks its caller before, or along with, its first statement. Refuses a taken time
    with 409 (with the nearest free times of a named provider) and an invalid one with 422. Raises Replayed for an
    idempotency key that was answered before, and DependencyDown after too many lost races.
    """

    def decide(session: Session, caller: Identified, search: CandidateSearch) -> View:
        request = line.request(session, caller.id, body)
        excluded = search.excluded if request.provider_id is None else []
        key = key_of(caller)
        context = read_context(session, line, caller.id, request, now, key=key, excluded=excluded)
        request.refuse_expired(now)
        _refuse_too_many(context, limits, now)
        provider = choose(session, line, request, context, now)
        search.tried = provider.id
        placement = Placement(
            id=new_id(),
            ref=booking_ref(line.ref_prefix),
            customer_id=caller.id,
            request=request,
            context=context,
            provider=provider,
            price=line.price(request, context, provider),
            pay_by=now + limits.time_to_pay,
            now=now,
        )
        return _store(session, line, placement, key)

    return retry(begin, decide, TRIES)


def _refuse_too_many(context: BookingContext, limits: Limits, now: datetime) -> None:
    context.counts[BOOKED].refuse_beyond(limits.per_hour, TooManyBookings, now)
    if context.overlapping is not None:
        raise Overlapping(f"You have booked {context.overlapping} at that time.", ref=context.overlapping)
    if context.unpaid >= limits.unpaid_bookings:
        raise TooManyUnpaid(f"{context.unpaid} of your bookings are not paid yet.")


@cache
def _read(line: AppointmentLine) -> TextClause:
    """Return the READ of a line: all data that a price and a booking depend on, in one row."""
    counts = "".join(f",\n  ({select}) as {name}" for name, select in line.hourly_counts.items())
    return text(f"""
with place as (
  select a.* from addresses a where a.id = :address and a.user_id = :customer
), terms as (
  {line.terms_sql}
), candidate as (
  select found.* from place, terms, lateral ({candidates_sql(line.candidate_facts)}) found
  order by (works and not busy) desc, {line.candidate_order} limit :most
)
select
  (select to_jsonb(place) from place) as address,
  {LOCATIONS} as locations,
  {CIRCLES} as circles,
  (select to_jsonb(terms) from terms) as terms,
  (select jsonb_agg(to_jsonb(candidate)) from candidate) as candidates,
  (select count(*) from bookings b where b.customer_id = :customer and b.{IS_ACTIVE}
    and b.payment_status in ('pending', 'failed')) as unpaid,
  (select b.ref from bookings b join appointments a on a.booking_id = b.id
    where b.customer_id = :customer and b.{IS_ACTIVE} and a.starts_at < :end and a.ends_at > :start
    order by a.starts_at limit 1) as overlapping,
  (select jsonb_build_array(count(*), min(b.created_at)) from bookings b
    where b.customer_id = :customer and b.created_at > :hour_ago) as {BOOKED}{counts},
  {idempotency.STORED_ANSWER} as stored_answer
""")


def read_context(
    session: Session,
    line: AppointmentLine,
    customer_id: UUID,
    request: AppointmentRequest,
    now: datetime,
    *,
    key: Key | None,
    excluded: Sequence[UUID] = (),
) -> BookingContext:
    """Read all data that a request depends on, without the excluded providers.

    Refuses an address of another person, a place that is not served, and a time outside the booking window. Raises
    Replayed for a key answered before.
    """
    parameters = {
        "customer": customer_id,
        "address": request.address_id,
        "provider": request.provider_id,
        "most": MOST_RANKED if line.ranks else 1,
        "hour_ago": now - HOUR,
        **search_parameters(line, request.starts_at, request.ends_at, excluded, now),
        **idempotency.parameters(key, now),
    }
    row = session.execute(_read(line), parameters).one()
    idempotency.replay_stored(key, row.stored_answer)
    if row.address is None:
        raise Invalid("address_id", "is not one of your addresses")
    address = Address(**{name: row.address[name] for name in Address.__dataclass_fields__})
    terms = BookingTerms.from_row(row.terms)
    refuse_place(address.place, Coverage.from_rows(row.locations, row.circles))
    refuse_time(request.starts_at, terms, now)
    candidates = [Candidate.from_row(found) for found in row.candidates or ()]
    counted = (BOOKED, *line.hourly_counts)
    return BookingContext(
        address=address,
        terms=terms,
        candidates=ranked(line, [one for one in candidates if one.is_free], request)
        or [one for one in candidates if not one.is_free],
        unpaid=row.unpaid,
        overlapping=row.overlapping,
        counts={name: LastHour.of(getattr(row, name)) for name in counted},
    )


def choose(
    session: Session, line: AppointmentLine, request: AppointmentRequest, context: BookingContext, now: datetime
) -> Candidate:
    """Return the requested provider, or the first free one; raises a refusal with the nearest free times."""
    first = context.candidates[0] if context.candidates else None
    if first is not None and first.is_free:
        return first
    if request.provider_id is None:
        raise line.none_free
    if first is None:
        raise line.unavailable(line.unavailable.elsewhere, nearest=[])
    terms = context.terms
    calendar = providers.calendar(session, line, first.id, request.starts_at, request.ends_at, terms.gap)
    raise unavailable(line, calendar, request.starts_at, request.ends_at, terms, now)


def unavailable(
    line: AppointmentLine,
    calendar: Calendar,
    starts_at: datetime,
    ends_at: datetime,
    terms: BookingTerms,
    now: datetime,
) -> ProviderUnavailable:
    """Return the refusal for a provider who is not free, with the nearest free times."""
    times = nearest_free(calendar, starts_at, ends_at - starts_at, now + terms.lead, now + terms.horizon)
    nearest = [local(at, line.time_zone).isoformat(timespec="minutes") for at in times]
    return line.unavailable(line.unavailable.times_listed, nearest=nearest)


# Locks are taken in order: the customer's row is locked already, then the provider's, then the insert, which the
# exclusion constraint may refuse. Without this order, the losers of a race deadlock. A transaction that waited for the
# provider's row sees the row as it is now: with another calendar version, or inactive, the statement writes nothing.
@cache
def _write(line: AppointmentLine) -> TextClause:
    """Return the WRITE of a line: all rows of a booking, in one statement."""
    booking = insert_from(
        Booking,
        "provider",
        id=":id",
        line=":line",
        ref=":ref",
        customer_id=":customer_id",
        provider_id="provider.id",
        busy_period="tstzrange(cast(:starts_at as timestamptz), cast(:busy_until as timestamptz))",
        status="'pending'",
        payment_status="'pending'",
        acceptance="'awaiting'",
        city=":city",
        total=":total",
        breakdown=":breakdown",
        pay_by=":pay_by",
        created_at=":now",
        updated_at=":now",
    )
    appointment = insert_from(
        Appointment,
        "booking",
        booking_id="id",
        line=":line",
        address_id=":address_id",
        address=":address",
        booking_date=":booking_date",
        time_slot=":time_slot",
        time_zone=":time_zone",
        starts_at=":starts_at",
        ends_at=":ends_at",
        earning=":earning",
        cancellation=":cancellation",
        details=":details",
    )
    payment = insert_from(
        Payment,
        "booking",
        id=":payment_id",
        booking_id="id",
        purpose=f"'{WHOLE}'",
        amount=":total",
        created_at=":now",
        updated_at=":now",
    )
    offer = insert_from(
        Offer,
        "booking",
        id=":offer_id",
        booking_id="id",
        provider_id=":provider_id",
        state="'open'",
        offered_at=":now",
    )
    event = insert_from(
        BookingEvent,
        "booking",
        booking_id="id",
        at=":now",
        actor="'customer'",
        actor_id=":customer_id",
        kind=f"'{BOOKED}'",
        to_status="'pending'",
    )
    return text(f"""
with provider as (
  select u.id from users u join providers p on p.user_id = u.id
  where u.id = :provider_id and u.is_active and p.calendar_version = :calendar_version for no key update of u, p
), booking as ({booking} returning id
), appointment as ({appointment}
), payment as ({payment}
), offer as ({offer}
), event as ({event}
), detail as ({line.write_fragment or "select 1"}
), subject as (select id from booking
), {notifications.NOTIFY_CTE}, answer as ({idempotency.stored_from("booking", 201)}
)
select (select count(*) from booking), (select count(*) from detail), (select count(*) from answer)
""")


def _store(session: Session, line: AppointmentLine, placement: Placement, key: Key | None) -> View:
    """Write the booking with its stored answer and its notification; raises Stale if another request was first."""
    view, now = line.booked_view(placement), placement.now
    facts = notify.placement_facts(line, placement)
    notice = notifications.parameters(placement.customer_id, line.name, BOOKED, facts.to_row(), now)
    answer = {"answer": json.dumps(view.model_dump(mode="json")), **idempotency.parameters(key, now)}
    parameters = {**_row(line, placement), **line.write_parameters(placement), **answer, **notice}
    bookings, details, answers = session.execute(_write(line), parameters).one()
    if not bookings or answers < (key is not None):
        raise Stale  # the provider's calendar has changed, or another request with this key was first
    line.refuse_written(placement, details)
    notifications.mail_after_commit(session, notice, now)
    if line.policy.offered_at_booking:
        from shared.appointments import offers

        offers.request_answer_at_booking(session, line, placement.id, now)
    return view


def _row(line: AppointmentLine, placement: Placement) -> dict[str, Any]:
    request, context, price = placement.request, placement.context, placement.price
    return {
        "id": placement.id,
        "line": line.name,
        "ref": placement.ref,
        "customer_id": placement.customer_id,
        "provider_id": placement.provider.id,
        "calendar_version": placement.provider.calendar_version,
        "starts_at": request.starts_at,
        "ends_at": request.ends_at,
        "busy_until": request.ends_at + context.terms.gap,
        "city": context.address.city,
        "total": price.total,
        "breakdown": json.dumps(price.breakdown),
        "pay_by": placement.pay_by,
        "address_id": request.address_id,
        "address": json.dumps(vars(context.address)),
        "booking_date": request.booking_date,
        "time_slot": request.time_slot,
        "time_zone": line.time_zone,
        "earning": price.earning,
        "cancellation": json.dumps(context.terms.cancellation.to_row()),
        "details": json.dumps(price.details.to_row()),
        "payment_id": new_id(),
        "offer_id": new_id(),
        "now": placement.now,
    }
