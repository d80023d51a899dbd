"""Daily totals of the ledger: all-time queries read them, plus each posting since.

A nightly job sums each past day once; queries read the postings of days without totals. Days are those of India.
"""

from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.kit import daily_rollup
from shared.ledger.models import LedgerDay, LedgerTransaction

_SUM_UP = text("""
with posted as (
  select t.kind, p.account, sum(p.amount) as amount from ledger_transactions t
  join ledger_postings p on p.transaction_id = t.id where t.at >= :start and t.at < :until group by 1, 2
), held as (
  select account, amount from posted
  union all
  select each.key, each.value::bigint from ledger_days, jsonb_each_text(balances) each where day = cast(:day as date) - 1
)
insert into ledger_days (day, moved, balances)
select :day,
  (select coalesce(jsonb_object_agg(kind, amounts), '{}') from (
    select kind, jsonb_object_agg(account, amount) as amounts from posted group by kind) by_kind),
  (select coalesce(jsonb_object_agg(account, amount), '{}') from (
    select account, sum(amount) as amount from held group by account) by_account)
on conflict do nothing
""")


def next_day(session: Session) -> date | None:
    """Return the first day without totals; None without postings."""
    return daily_rollup.next_day(session, LedgerDay.day, LedgerTransaction.at)


def sum_up(session: Session, day: date) -> bool:
    """Store the totals of a past day, the one after the last stored day; always returns True."""
    session.execute(_SUM_UP, daily_rollup.bounds(day))
    return True
