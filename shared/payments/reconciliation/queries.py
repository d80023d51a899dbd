"""Statements about the report: subjects to compare, compared rows, and their days."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, null, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.kit.base import for_update
from shared.kit.clock import INDIA, local, midnight
from shared.kit.ids import new_id
from shared.kit.paging import PageQuery, Position, after, pack, page_of, unpack
from shared.ledger import queries as ledger
from shared.ledger.queries import Cleared
from shared.payments.reconciliation.comparison import About, Ours, Outcome, Theirs, is_over
from shared.payments.reconciliation.models import ReconciliationDay, ReconciliationRow
from shared.payments.reconciliation.schemas import RowsQuery


@dataclass(frozen=True)
class Subject:
    """A payment, refund or unknown id to compare, with our side of it (`ours` is None for an unknown id).

    `row_id` is its row if it was compared before.
    """

    kind: About
    gateway: str
    our_id: str
    day: date
    currency: str
    attempt_id: UUID | None
    refund_id: UUID | None
    booking_id: UUID | None
    row_id: UUID | None
    ours: Ours | None


@dataclass(frozen=True)
class Compared:
    subject: Subject
    theirs: Theirs
    outcome: Outcome


# Everything a gateway can be queried about; cash payments went through none.
_SUBJECTS = """
  select 'payment' as kind, a.gateway, a.merchant_txn_id as our_id, a.created_at as began, a.currency,
    a.id as attempt_id, cast(null as uuid) as refund_id, a.booking_id,
    a.state, a.amount, a.gateway_txn_id as gateway_id, a.bank_reference
  from payment_attempts a where a.gateway <> 'cash'
  union all
  select 'refund', a.gateway, r.merchant_refund_id, r.created_at, r.currency, null, r.id, r.booking_id,
    r.state, r.amount, r.gateway_refund_id, r.bank_reference
  from refunds r join payment_attempts a on a.id = r.attempt_id where a.gateway <> 'cash'
  union all
  select 'notification', i.source, i.named, min(i.received_at), 'INR', null, null, null, null, null, null, null
  from inbox i where i.outcome = 'unknown' and i.named <> '' group by i.source, i.named
"""
_ROW = "left join reconciliation_rows r on r.gateway = s.gateway and r.kind = s.kind and r.our_id = s.our_id"
_FOUND = """
select s.kind, s.gateway, s.our_id, s.began, s.currency, s.attempt_id, s.refund_id, s.booking_id, r.id as row_id,
  s.state, s.amount, s.gateway_id, s.bank_reference
"""
# Materialized: a day has few hundred rows, which are read faster than parallel workers start.
_OF_DAY = f"""
with s as materialized (select * from ({_SUBJECTS}) every where every.began >= :start and every.began < :until)
"""
_WITHOUT_ROW = text(f"""
{_OF_DAY} {_FOUND} from s {_ROW} where r.id is null and s.our_id <> all(cast(:passed as text[]))
order by s.began, s.our_id limit :limit
""")
_NAMED = text(
    f"{_FOUND} from ({_SUBJECTS}) s {_ROW} where s.our_id = any(cast(:ids as text[])) order by s.began, s.our_id"
)


def without_row(session: Session, passed: Sequence[str], limit: int, *, day: date) -> list[Subject]:
    """Return the subjects of a day without a row, the oldest first, except the ids in `passed`; two statements."""
    return _subjects(session, _WITHOUT_ROW, passed=list(passed), limit=limit, **_bounds(day))


def due_again(session: Session, passed: Sequence[str], limit: int, *, before: datetime, since: date) -> list[Subject]:
    """Return the subjects of open rows of the days from `since` on, last compared before `before`, the oldest first."""
    row = ReconciliationRow
    due = (row.closed_at.is_(None), row.compared_at < before, row.day >= since, row.our_id.not_in(passed))
    return _of_rows(session, select(row.id, row.our_id).where(*due).order_by(row.created_at, row.id).limit(limit))


def of_row(session: Session, row_id: UUID) -> Subject:
    """Return the subject of a row as it is now."""
    row = ReconciliationRow
    [subject] = _of_rows(session, select(row.id, row.our_id).where(row.id == row_id))
    return subject


def _of_rows(session: Session, found: Select[UUID, str]) -> list[Subject]:
    # Ids first: a join would read every payment and refund of all time.
    our_ids = {row.id: row.our_id for row in session.execute(found)}
    return [subject for subject in named(session, list(our_ids.values())) if subject.row_id in our_ids]


def named(session: Session, our_ids: Sequence[str]) -> list[Subject]:
    """Return the subjects with these ids as they are now, in the order in which their rows are written."""
    return _subjects(session, _NAMED, ids=list(our_ids))


def _bounds(day: date) -> dict[str, datetime]:
    return {"start": midnight(day, INDIA), "until": midnight(day + timedelta(days=1), INDIA)}


def _subjects(session: Session, statement: Any, **values: Any) -> list[Subject]:
    rows = session.execute(statement, values).all()
    booked = ledger.cleared(session, [each for row in rows for each in _sources(row)])
    return [_subject(row, booked) for row in rows]


def _sources(row: Any) -> list[UUID]:
    """Return the ids of possible ledger sources; a row is the source of a corrected fee."""
    return [source for source in (row.attempt_id, row.refund_id, row.row_id) if source is not None]


def _subject(row: Any, booked: dict[UUID, Cleared]) -> Subject:
    found = [booked.get(source, Cleared()) for source in _sources(row)]
    moved, fee = sum(each.moved for each in found), sum(each.fee for each in found)
    is_ours = row.kind != About.NOTIFICATION
    return Subject(
        kind=About(row.kind),
        gateway=row.gateway,
        our_id=row.our_id,
        day=local(row.began, INDIA).date(),
        currency=row.currency,
        attempt_id=row.attempt_id,
        refund_id=row.refund_id,
        booking_id=row.booking_id,
        row_id=row.row_id,
        ours=Ours(row.state, row.amount, moved, fee, row.gateway_id, row.bank_reference) if is_ours else None,
    )


def write_rows(session: Session, compared: Sequence[Compared], now: datetime) -> Sequence[ReconciliationRow]:
    """Write a row for each comparison in one statement; returns the rows that are new or were still open."""
    written = insert(ReconciliationRow).values([_values(each, now) for each in compared])
    changed = ("outcome", "ours", "theirs", "compared_at", "closed_at")
    upsert = written.on_conflict_do_update(
        index_elements=["gateway", "kind", "our_id"],
        set_={name: written.excluded[name] for name in changed},
        where=ReconciliationRow.closed_at.is_(None),
    )
    returned = upsert.returning(ReconciliationRow).execution_options(populate_existing=True)
    return session.scalars(returned).all()


def _values(compared: Compared, now: datetime) -> dict[str, Any]:
    subject = compared.subject
    names = ("kind", "gateway", "our_id", "day", "attempt_id", "refund_id", "booking_id")
    return {
        "id": new_id(),
        **{name: getattr(subject, name) for name in names},
        "outcome": compared.outcome,
        "ours": asdict(subject.ours) if subject.ours else null(),  # else it would be JSON's null
        "theirs": asdict(compared.theirs),
        "created_at": now,
        "compared_at": now,
        "closed_at": now if is_over(subject.ours, compared.outcome) else None,
        "closed_by": None,
        "note": None,
    }


_BEGIN_DAYS = text("""
insert into reconciliation_days (day)
select cast(:yesterday as date) - number from generate_series(0,
  least(cast(:most as int), coalesce(cast(:yesterday as date) - (select max(day) from reconciliation_days), :first)) - 1
) as series(number) on conflict do nothing
""")
_COMPLETE = text(f"""
{_OF_DAY}
update reconciliation_days set completed_at = :now where day = :day and completed_at is null
and not exists (select from s {_ROW} where r.id is null)
and not exists (select from inbox where processed_at is null and received_at >= :start and received_at < :until)
""")


def incomplete_days(session: Session, yesterday: date, first: int, most: int) -> Sequence[date]:
    """Insert the days up to yesterday that are new, and return all incomplete days, the oldest first.

    The first run covers `first` days; no run goes back more than `most` days.
    """
    session.execute(_BEGIN_DAYS, {"yesterday": yesterday, "first": first, "most": most})
    since = ReconciliationDay.day > yesterday - timedelta(days=most)
    unfinished = select(ReconciliationDay.day).where(ReconciliationDay.completed_at.is_(None), since)
    return session.scalars(unfinished.order_by(ReconciliationDay.day)).all()


def complete(session: Session, day: date, now: datetime) -> None:
    """Mark a day complete if each of its subjects has a row and all its notifications are processed."""
    session.execute(_COMPLETE, {"day": day, "now": now, **_bounds(day)})


def row(session: Session, row_id: UUID) -> ReconciliationRow | None:
    return session.get(ReconciliationRow, row_id)


def locked_row(session: Session, row_id: UUID) -> ReconciliationRow:
    statement = select(ReconciliationRow).where(ReconciliationRow.id == row_id)
    found: ReconciliationRow = session.scalars(for_update(statement)).one()
    return found


def list_rows(session: Session, query: RowsQuery) -> tuple[list[ReconciliationRow], str | None]:
    """Return the rows that match an admin's query, the newest first, in one statement."""
    is_open = ReconciliationRow.closed_at.is_(None)
    exactly: dict[Any, Any] = {ReconciliationRow.day: query.day, ReconciliationRow.outcome: query.outcome}
    rows = session.scalars(
        select(ReconciliationRow)
        .where(*(column == value for column, value in exactly.items() if value is not None))
        .where(*([] if query.open is None else [is_open if query.open else ~is_open]))
        .where(*after(query, ReconciliationRow.created_at, ReconciliationRow.id))
        .order_by(ReconciliationRow.created_at.desc(), ReconciliationRow.id.desc())
        .limit(query.limit + 1)
    ).all()
    return page_of(rows, query.limit, lambda row: Position(row.created_at, row.id))


@dataclass(frozen=True)
class Day:
    """A day of the report: when it was complete, its open rows, and its count of rows by outcome."""

    day: date
    completed_at: datetime | None
    open: int
    outcomes: dict[str, int]

    def encode(self) -> str:
        return pack(self.day.isoformat())


def list_days(session: Session, page: PageQuery) -> tuple[list[Day], str | None]:
    """Return the days of the report with their counts, the newest first, in one statement."""
    before = [] if page.cursor is None else [ReconciliationDay.day < unpack(page.cursor, date.fromisoformat)]
    days = (
        select(ReconciliationDay).where(*before).order_by(ReconciliationDay.day.desc()).limit(page.limit + 1).subquery()
    )
    of_day = ReconciliationRow.day == days.c.day
    number = func.count(ReconciliationRow.id)
    counts = [number.filter(ReconciliationRow.outcome == outcome).label(outcome.value) for outcome in Outcome]
    rows = session.execute(
        select(days.c.day, days.c.completed_at, number.filter(ReconciliationRow.closed_at.is_(None)), *counts)
        .outerjoin(ReconciliationRow, of_day)
        .group_by(days.c.day, days.c.completed_at)
        .order_by(days.c.day.desc())
    ).all()
    found = [Day(row[0], row[1], row[2], dict(zip(Outcome, row[3:], strict=True))) for row in rows]
    return page_of(found, page.limit, lambda day: day)
