"""What a chef has earned, as the ledger has it: nothing is counted that is not booked there (PRODUCT, "Money")."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.bookings.models import Booking
from shared.kit.paging import Position, after, page_of
from shared.kit.period import Period
from shared.ledger import queries as ledger
from shared.ledger.models import LedgerPosting, LedgerTransaction
from shared.ledger.postings import AccountCode
from shared.lines.home_chef.models import Visit
from shared.lines.home_chef.schemas import EarningsQuery, EarningsView, EarningView
from shared.lines.home_chef.visits import ZONE


def earnings(session: Session, chef_id: UUID, query: EarningsQuery, now: datetime) -> EarningsView:
    """Return a chef's own earnings of a period, by default this month, its bookings by page. Raises Invalid."""
    period = query.period(now, ZONE, by_month=True)
    sums = ledger.payable(session, chef_id, period.start, period.until)
    items, cursor = _items(session, chef_id, period, query)
    return EarningsView(
        first_day=period.first,
        last_day=period.last,
        earned=sums.completed,
        kept=sums.kept,
        taken_back=sums.taken_back,
        total=sums.completed + sums.kept - sums.taken_back,
        owed=sums.owed,
        items=items,
        next_cursor=cursor,
    )


def _items(
    session: Session, chef_id: UUID, period: Period, query: EarningsQuery
) -> tuple[list[EarningView], str | None]:
    rows = session.execute(
        select(
            LedgerPosting.id,
            LedgerTransaction.booking_id,
            Booking.ref,
            Visit.booking_date,
            LedgerTransaction.kind,
            LedgerTransaction.at,
            -LedgerPosting.amount,
        )
        .join(LedgerTransaction, LedgerTransaction.id == LedgerPosting.transaction_id)
        .join(Booking, Booking.id == LedgerTransaction.booking_id)
        .join(Visit, Visit.booking_id == Booking.id)
        .where(
            LedgerPosting.provider_id == chef_id,
            LedgerPosting.account == AccountCode.CHEF_PAYABLE,
            LedgerTransaction.at >= period.start,
            LedgerTransaction.at < period.until,
            *after(query, LedgerTransaction.at, LedgerPosting.id),
        )
        .order_by(LedgerTransaction.at.desc(), LedgerPosting.id.desc())
        .limit(query.limit + 1)
    ).all()
    page, cursor = page_of(rows, query.limit, lambda row: Position(row.at, row.id))
    names = ("booking_id", "ref", "booking_date", "kind", "at", "amount")
    return [EarningView(**dict(zip(names, row[1:], strict=True))) for row in page], cursor
