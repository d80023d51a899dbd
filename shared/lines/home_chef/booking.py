"""A customer books a visit: one READ, a price, one WRITE, in one transaction (PRODUCT, "A booking").

The customer's row is locked first, so that one person's requests meet one after another; the database refuses two
visits of one chef at a time, and who lost that race without naming a chef is given the next free one.
"""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from shared.bookings.lifecycle import Answer, PaymentStatus, Status
from shared.bookings.models import SLOT_TAKEN
from shared.idempotency import queries as idempotency
from shared.idempotency.queries import Key
from shared.kit.database import ConstraintViolated, TransactionConflict
from shared.kit.errors import DependencyDown, TooManyRequests
from shared.kit.ids import booking_ref, new_id
from shared.lines.home_chef import placing, pricing, quotes, visits
from shared.lines.home_chef.lifecycle import LINE
from shared.lines.home_chef.pricing import Breakdown
from shared.lines.home_chef.quotes import Given, QuoteGone
from shared.lines.home_chef.schemas import BookingRequest, BookingView, BreakdownView, PlaceView
from shared.lines.home_chef.telling import facts_when_booked
from shared.lines.home_chef.visits import ZONE, Chef, Facts, Wanted
from shared.notifications import queries as notifications
from shared.sign_in.sessions import Somebody

REF_PREFIX, REF_TAKEN = "SZ", "uq_bookings_ref"
TRIES = 50  # chefs met by others first, before a crowd is told to come back
Begin = Callable[[], AbstractContextManager[tuple[Session, Somebody]]]
KeyOf = Callable[[Somebody], Key | None]


@dataclass(frozen=True)
class Rules:
    """How long a booking waits for its payment, how many may wait, and how many may be made in an hour."""

    unpaid_life: timedelta
    unpaid_bookings: int
    per_hour: int


@dataclass
class _Race:
    """The chefs others took while this request was deciding, and the one it is trying for."""

    lost: list[UUID] = field(default_factory=list)
    tried: UUID | None = None

    def go_on_after(self, violation: ConstraintViolated) -> None:
        if violation.constraint == SLOT_TAKEN and self.tried is not None:
            self.lost.append(self.tried)
        elif violation.constraint != REF_TAKEN:
            raise violation


class TooManyBookings(TooManyRequests):
    code, title = "too_many_bookings", "Too many bookings in an hour"


class _KeyTaken(Exception):
    """Another request with the same key was first; its answer is read in a new transaction."""


class _CalendarChanged(Exception):
    """The chef's week, days off or standing changed since the READ: what was decided on them is decided anew."""


def book(begin: Begin, request: BookingRequest, key_of: KeyOf, rules: Rules, now: datetime) -> BookingView:
    """Store a booking and return it as its customer sees it.

    `begin` opens a transaction that locks its caller before, or along with, its first statement. Refuses with 409 what cannot be had (with the
    nearest free times of a named chef) and with 422 what is not bookable; raises Replayed for a key answered before.
    """
    race = _Race()
    for _ in range(TRIES):
        try:
            with begin() as (session, caller):
                return _try(session, caller, request, key_of(caller), rules, race, now)
        except ConstraintViolated as violation:
            race.go_on_after(violation)
        except (_KeyTaken, _CalendarChanged, TransactionConflict):
            continue
    raise DependencyDown("Too many people are booking at once. Please try again.", retry_after=1)


def _try(
    session: Session,
    caller: Somebody,
    request: BookingRequest,
    key: Key | None,
    rules: Rules,
    race: _Race,
    now: datetime,
) -> BookingView:
    quote = quotes.read(session, caller.id, request.quote_id) if request.quote_id else None
    wanted = Wanted.of(quote.request if quote else request.visit())
    lost = race.lost if wanted.request.chef_id is None else []
    found = visits.facts(session, caller.id, wanted, now, key=key, lost=lost)
    if quote:
        quote.refuse_gone(now)
    _refuse_too_much(found, rules, now)
    chef = visits.chosen(session, wanted, found, now)
    race.tried = chef.id
    rate, breakdown = (
        (quote.rate, quote.breakdown) if quote else (chef.rate, visits.price(wanted, chef.rate, found.tariff))
    )
    view = _view(wanted, found, chef, breakdown, now, now + rules.unpaid_life)
    row = {**_row(view, wanted, found, rate, breakdown, quote, now), "calendar": chef.calendar}
    _store(session, caller, key, view, row, now)
    return view


def _store(
    session: Session, caller: Somebody, key: Key | None, view: BookingView, row: dict[str, Any], now: datetime
) -> None:
    """Write the booking with its answer and the promise to mail it; raises what somebody else was first with."""
    told = notifications.parameters(caller.id, LINE, "booked", facts_when_booked(view, row["earning"]), now)
    answer = {"answer": json.dumps(view.model_dump(mode="json")), **idempotency.parameters(key, now)}
    written = placing.write(session, {"customer_id": caller.id, **row, **answer, **told})
    if not written.bookings:
        raise _CalendarChanged
    if written.answers < (key is not None):
        raise _KeyTaken
    if written.quotes < (row["quote_id"] is not None):
        raise QuoteGone("This quote has been used for a booking.")
    notifications.promised(session, told, now)


def _refuse_too_much(found: Facts, rules: Rules, now: datetime) -> None:
    found.booked.refuse_beyond(rules.per_hour, TooManyBookings, now)
    if found.overlapping is not None:
        raise visits.Overlapping(f"You have booked {found.overlapping} at that time.", ref=found.overlapping)
    if found.unpaid >= rules.unpaid_bookings:
        raise visits.TooManyUnpaid(f"{found.unpaid} of your bookings are not paid yet.")


def _view(
    wanted: Wanted, found: Facts, chef: Chef, breakdown: Breakdown, now: datetime, pay_by: datetime
) -> BookingView:
    request = wanted.request
    return BookingView(
        id=new_id(),
        ref=booking_ref(REF_PREFIX),
        status=Status.PENDING,
        payment_status=PaymentStatus.PENDING,
        answer=Answer.AWAITING,
        total=breakdown.total,
        breakdown=BreakdownView.model_validate(breakdown),
        chef_id=chef.id,
        chef_name=chef.name,
        booking_date=request.booking_date,
        time_slot=request.time_slot,
        starts_at=wanted.starts_at,
        ends_at=wanted.ends_at,
        time_zone=ZONE,
        duration_hours=request.duration_hours,
        guest_count=request.guest_count,
        special_requests=request.special_requests,
        address=PlaceView(**found.place()),
        pay_by=pay_by,
        cancellation_reason=None,
        created_at=now,
    )


def _row(
    view: BookingView,
    wanted: Wanted,
    found: Facts,
    rate: int,
    breakdown: Breakdown,
    quote: Given | None,
    now: datetime,
) -> dict[str, Any]:
    names = ("id", "ref", "total", "booking_date", "time_slot", "time_zone", "starts_at", "ends_at", "duration_hours")
    more = ("guest_count", "special_requests", "pay_by", "chef_id")
    return {
        **{name: getattr(view, name) for name in (*names, *more)},
        "line": LINE,
        "held_until": wanted.ends_at + found.gap,
        "city": found.address["city"],
        "breakdown": json.dumps(breakdown.to_row()),
        "address_id": wanted.request.address_id,
        "address": json.dumps(found.place()),
        "rate": rate,
        "earning": pricing.earning(breakdown.subtotal, found.tariff),
        "cancellation": json.dumps(found.cancellation),
        "payment_id": new_id(),
        "offer_id": new_id(),
        "quote_id": quote.id if quote else None,
        "now": now,
    }
