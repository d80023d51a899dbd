"""Each successful payment has one ledger entry of its kind, booking and amount; no capture entry lacks its payment."""

BREACHES = """
with captures as (
  select id, booking_id, amount, case
    when capture in ('late', 'duplicate') then 'owed_back' when gateway = 'cash' then 'cash_taken' else 'captured'
  end as kind from payment_attempts where state = 'succeeded'
), booked as (
  select t.source_id, t.booking_id, t.kind, sum(p.amount) filter (where p.amount > 0) as amount
  from ledger_transactions t join ledger_postings p on p.transaction_id = t.id
  where t.kind in ('captured', 'cash_taken', 'owed_back') group by t.id
)
select coalesce(a.id, t.source_id), coalesce(a.booking_id, t.booking_id),
  coalesce(a.kind || ' ' || a.amount, 'nothing') || ' is in the ledger as ' || coalesce(t.kind || ' ' || t.amount, 'nothing')
from captures a full join booked t on t.source_id = a.id and t.kind = a.kind
where a.id is null or t.source_id is null or t.amount <> a.amount or t.booking_id <> a.booking_id
"""
