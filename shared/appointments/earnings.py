"""A provider's earnings statement, read from the ledger alone; the provider and admins see the same one. Source: docs/product.md#earnings."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.appointments.models import Appointment
from shared.bookings.models import Booking
from shared.kit.date_range import DateRange, DateRangeQuery
from shared.kit.paging import PageQuery, PageView, Position, after, page_of
from shared.kit.schemas import Rupees, View
from shared.ledger import queries as ledger


class EarningsQuery(PageQuery, DateRangeQuery):
    """Local days, both included: by default `from` is the first of the month and `to` is today."""


class EarningView(View):
    """One change of a provider's balance, negative for a reversal; `balance` includes it."""

    booking_id: UUID
    ref: str
    booking_date: date
    kind: str
    at: datetime
    amount: Rupees
    balance: Rupees


class EarningsView(PageView[EarningView]):
    """A provider's earnings from the first to the last local day, both included; the newest items first.

    `opening` is the balance when the period begins. `earned` comes from completed appointments, `kept` from late
    cancellations; `taken_back` is reversed for refunds the provider bears. `total` is the sum of the period, `closing` is
    `opening` plus `total`. `owed` is the balance of all time, as there is no payout yet.
    """

    first_day: date
    last_day: date
    opening: Rupees
    earned: Rupees
    kept: Rupees
    taken_back: Rupees
    total: Rupees
    closing: Rupees
    owed: Rupees


def earnings(session: Session, provider_id: UUID, query: EarningsQuery, zone: str, now: datetime) -> EarningsView:
    """Return a provider's statement for a period of local days, by default this month, with one page of its items.

    Raises Invalid for a period that ends before it begins or is too long.
    """
    period = query.date_range(now, zone, by_month=True)
    sums = ledger.payable(session, provider_id, period.start, period.until)
    items, cursor = _items(session, provider_id, period, query)
    total = sums.completed + sums.kept - sums.taken_back
    return EarningsView(
        first_day=period.first,
        last_day=period.last,
        opening=sums.opening,
        earned=sums.completed,
        kept=sums.kept,
        taken_back=sums.taken_back,
        total=total,
        closing=sums.opening + total,
        owed=sums.owed,
        items=items,
        next_cursor=cursor,
    )


def _items(
    session: Session, provider_id: UUID, period: DateRange, query: EarningsQuery
) -> tuple[list[EarningView], str | None]:
    line = ledger.payable_lines(provider_id)
    rows = session.execute(
        select(line, Booking.ref, Appointment.booking_date)
        .join(Booking, Booking.id == line.c.booking_id)
        .join(Appointment, Appointment.booking_id == Booking.id)
        .where(line.c.at >= period.start, line.c.at < period.until, *after(query, line.c.at, line.c.id))
        .order_by(line.c.at.desc(), line.c.id.desc())
        .limit(query.limit + 1)
    ).all()
    page, cursor = page_of(rows, query.limit, lambda row: Position(row.at, row.id))
    return [EarningView.model_validate(row) for row in page], cursor
