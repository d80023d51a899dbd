"""A quote: a price with an id, valid for half an hour and one booking. Source: docs/product.md#quotes."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.appointments import placement
from shared.appointments.line import AppointmentLine
from shared.idempotency.queries import Key
from shared.kit import retention
from shared.kit.errors import NotFound, Refusal, TooManyRequests
from shared.kit.ids import new_id
from shared.kit.retention import purge_aged
from shared.lines.home_chef import pricing
from shared.lines.home_chef.models import Quote
from shared.lines.home_chef.pricing import Breakdown
from shared.lines.home_chef.rate_card import RateCard
from shared.lines.home_chef.schemas import BreakdownView, QuoteRequest, QuoteView
from shared.lines.home_chef.visit import VisitRequest

QUOTED = "quoted"
# The count of a customer's quotes within the last hour, and the time of the first.
COUNT = """select jsonb_build_array(count(*), min(q.created_at)) from home_chef_quotes q
    where q.customer_id = :customer and q.created_at > :hour_ago"""


class QuoteNotFound(NotFound):
    code = "quote_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such quote.")


class QuoteGone(Refusal):
    code, title = "quote_gone", "This quote is used or expired"


class TooManyQuotes(TooManyRequests):
    code, title = "too_many_quotes", "Too many quotes in an hour"


@dataclass(frozen=True)
class Limits:
    """The validity of a quote, and the most quotes per customer and hour."""

    valid_for: timedelta
    per_hour: int


@dataclass(frozen=True, kw_only=True)
class QuotedVisit(VisitRequest):
    """The request for a quoted visit; `used_by` is the booking that used the quote, `rate` is paise an hour."""

    quote_id: UUID
    rate: int
    breakdown: Breakdown
    expires_at: datetime
    used_by: UUID | None

    def refuse_expired(self, now: datetime) -> None:
        if self.used_by is not None:
            raise QuoteGone("This quote has been used for a booking.", booking_id=str(self.used_by))
        if self.expires_at <= now:
            raise QuoteGone("This quote has expired. Ask for a new one.")


def create(
    session: Session,
    line: AppointmentLine,
    customer_id: UUID,
    body: QuoteRequest,
    limits: Limits,
    now: datetime,
    key: Key | None,
) -> QuoteView:
    """Price a visit at the rate of the chef who would be assigned now, and store the quote.

    Raises TooManyQuotes, the refusals of a booking of the same visit, and Replayed for a key answered before.
    """
    request = VisitRequest.of(body)
    context = placement.read_context(session, line, customer_id, request, now, key=key)
    context.counts[QUOTED].refuse_beyond(limits.per_hour, TooManyQuotes, now)
    chef = placement.choose(session, line, request, context, now)
    assert chef.rate is not None, "a chef has a rate"  # noqa: S101 - a CHECK holds it
    rates = RateCard.from_row(context.terms.rates)
    breakdown = pricing.quote(chef.rate, body.duration_hours, body.guest_count, body.time_slot, rates)
    quote = Quote(
        id=new_id(),
        customer_id=customer_id,
        request=body.model_dump(mode="json"),
        rate=chef.rate,
        breakdown=breakdown.to_row(),
        total=breakdown.total,
        tariff=context.terms.valid_from,
        expires_at=now + limits.valid_for,
        created_at=now,
    )
    session.add(quote)
    return QuoteView(
        id=quote.id,
        total=quote.total,
        breakdown=BreakdownView.model_validate(breakdown),
        chef_id=body.chef_id,
        expires_at=quote.expires_at,
    )


_QUOTE = text("select * from home_chef_quotes where id = :id and customer_id = :customer")


def quoted_visit(session: Session, customer_id: UUID, quote_id: UUID) -> QuotedVisit:
    """Return the visit of a customer's own quote, used or not. Raises QuoteNotFound."""
    row = session.execute(_QUOTE, {"id": quote_id, "customer": customer_id}).one_or_none()
    if row is None:
        raise QuoteNotFound
    body = QuoteRequest.model_validate_json(json.dumps(row.request))
    quote = {"quote_id": row.id, "rate": row.rate, "expires_at": row.expires_at, "used_by": row.booking_id}
    visit = QuotedVisit.of(body, **quote, breakdown=Breakdown(**row.breakdown))
    assert isinstance(visit, QuotedVisit)  # noqa: S101 - `of` makes the class it is called on
    return visit


def purge(session: Session, now: datetime, limit: int) -> int:
    """Delete some of the quotes that expired long ago, used or not; returns how many. Bookings store their own price."""
    return purge_aged(session, "home_chef_quotes", "expires_at", now - retention.QUOTES, limit)
