"""A price with an id: kept for half an hour, used once, charged as it was given (PRODUCT, "Price")."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from shared.idempotency.queries import Key
from shared.kit import retention
from shared.kit.errors import NotFound, Refusal, TooManyRequests
from shared.kit.ids import new_id
from shared.kit.retention import forget_aged
from shared.lines.home_chef import placing, visits
from shared.lines.home_chef.models import Quote
from shared.lines.home_chef.pricing import Breakdown
from shared.lines.home_chef.schemas import BreakdownView, QuoteRequest, QuoteView
from shared.lines.home_chef.visits import Wanted


class QuoteNotFound(NotFound):
    code = "quote_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such quote.")


class QuoteGone(Refusal):
    code, title = "quote_gone", "This quote is used or expired"


class TooManyQuotes(TooManyRequests):
    code, title = "too_many_quotes", "Too many quotes in an hour"


@dataclass(frozen=True)
class Rules:
    """How long a quote is good for, and how many a customer may ask for in an hour."""

    life: timedelta
    per_hour: int


@dataclass(frozen=True)
class Given:
    """A quote as it was given: the visit, the rate and the price; `used_by` is the booking it was used for."""

    id: UUID
    request: QuoteRequest
    rate: int
    breakdown: Breakdown
    expires_at: datetime
    used_by: UUID | None

    def refuse_gone(self, now: datetime) -> None:
        if self.used_by is not None:
            raise QuoteGone("This quote has been used for a booking.", booking_id=str(self.used_by))
        if self.expires_at <= now:
            raise QuoteGone("This quote has expired. Ask for a new one.")


def give(
    session: Session, customer_id: UUID, request: QuoteRequest, rules: Rules, now: datetime, key: Key | None
) -> Quote:
    """Price a visit at the rate of the chef who would take it now, and keep the price under an id."""
    wanted = Wanted.of(request)
    found = visits.facts(session, customer_id, wanted, now, key=key)
    found.quoted.refuse_beyond(rules.per_hour, TooManyQuotes, now)
    chef = visits.chosen(session, wanted, found, now)
    breakdown = visits.price(wanted, chef.rate, found.tariff)
    quote = Quote(
        id=new_id(),
        customer_id=customer_id,
        request=request.model_dump(mode="json"),
        rate=chef.rate,
        breakdown=breakdown.to_row(),
        total=breakdown.total,
        tariff=found.valid_from,
        expires_at=now + rules.life,
        created_at=now,
    )
    session.add(quote)
    return quote


def view(quote: Quote) -> QuoteView:
    request = QuoteRequest.model_validate_json(json.dumps(quote.request))
    return QuoteView(
        id=quote.id,
        total=quote.total,
        breakdown=BreakdownView.model_validate(Breakdown(**quote.breakdown)),
        chef_id=request.chef_id,
        expires_at=quote.expires_at,
    )


def read(session: Session, customer_id: UUID, quote_id: UUID) -> Given:
    """Return a customer's own quote, used or not; raises QuoteNotFound."""
    row = placing.quote_of_customer(session, customer_id, quote_id)
    if row is None:
        raise QuoteNotFound
    request = QuoteRequest.model_validate_json(json.dumps(row.request))
    return Given(row.id, request, row.rate, Breakdown(**row.breakdown), row.expires_at, row.booking_id)


def forget(session: Session, now: datetime, limit: int) -> int:
    """Delete some of the quotes that expired long ago, used or not: a booking keeps its own price. Returns how many."""
    return forget_aged(session, "home_chef_quotes", "expires_at", now - retention.QUOTES, limit)
