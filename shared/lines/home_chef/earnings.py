"""What a chef has earned, as the ledger has it: nothing is counted that is not booked there (PRODUCT, "Money").

Chef and admin ask the same function: both are told the same, to the paisa.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.bookings.models import Booking
from shared.kit.paging import Position, after, page_of
from shared.kit.period import Period
from shared.ledger import queries as ledger
from shared.lines.home_chef.models import Visit
from shared.lines.home_chef.schemas import EarningsQuery, EarningsView, EarningView
from shared.lines.home_chef.visits import ZONE


def earnings(session: Session, chef_id: UUID, query: EarningsQuery, now: datetime) -> EarningsView:
    """Return the statement of a chef's earnings of a period, by default this month, its lines by page. Raises Invalid."""
    period = query.period(now, ZONE, by_month=True)
    sums = ledger.payable(session, chef_id, period.start, period.until)
    items, cursor = _items(session, chef_id, period, query)
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
    session: Session, chef_id: UUID, period: Period, query: EarningsQuery
) -> tuple[list[EarningView], str | None]:
    line = ledger.payable_lines(chef_id)
    rows = session.execute(
        select(line, Booking.ref, Visit.booking_date)
        .join(Booking, Booking.id == line.c.booking_id)
        .join(Visit, Visit.booking_id == Booking.id)
        .where(line.c.at >= period.start, line.c.at < period.until, *after(query, line.c.at, line.c.id))
        .order_by(line.c.at.desc(), line.c.id.desc())
        .limit(query.limit + 1)
    ).all()
    page, cursor = page_of(rows, query.limit, lambda row: Position(row.at, row.id))
    return [EarningView.model_validate(row) for row in page], cursor
