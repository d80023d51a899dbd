"""The last daily totals (account balances, users, bookings) equal the sums of all rows up to the end of that day."""

BREACHES = """
with ends as (
  select 'ledger' as of, max(day) as day from ledger_days union all select 'bookings', max(day) from booking_days
  union all select 'users', max(day) from user_days
), last as (
  select of, day, cast(day + 1 as timestamp) at time zone 'Asia/Kolkata' as until from ends where day is not null
), summed as (
  select of, each.key as name, each.value::bigint as number from last
    join ledger_days using (day), jsonb_each_text(balances) each where of = 'ledger'
  union all
  select of, each.key, each.value::bigint from last
    join booking_days using (day), jsonb_each_text(totals) each where of = 'bookings'
  union all select of, 'total', total from last join user_days using (day) where of = 'users'
), there as (
  select of, p.account as name, sum(p.amount) as number from last join ledger_transactions t on t.at < until
    join ledger_postings p on p.transaction_id = t.id where of = 'ledger' group by 1, 2
  union all
  select of, b.status, count(*) from last join bookings b on b.created_at < until where of = 'bookings' group by 1, 2
  union all
  select of, 'total', count(u.id) from last left join users u on u.created_at < until where of = 'users' group by 1
)
select md5(of || name)::uuid, null::uuid,
  of || ', ' || name || ' has the daily total ' || coalesce(s.number, 0) || ', not ' || coalesce(t.number, 0)
from summed s full join there t using (of, name) where coalesce(s.number, 0) <> coalesce(t.number, 0)
"""
