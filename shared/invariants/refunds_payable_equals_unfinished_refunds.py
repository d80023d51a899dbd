"""Per booking, the balance of `refunds_payable` equals the sum of the refunds that are not done."""

BREACHES = """
with owed as (
  select t.booking_id as booking, -sum(p.amount) as amount
  from ledger_transactions t join ledger_postings p on p.transaction_id = t.id
  where p.account = 'refunds_payable' group by 1
), on_its_way as (
  select booking_id as booking, sum(amount) as amount from refunds where state <> 'done' group by 1
)
select booking, booking, coalesce(o.amount, 0) || ' is payable, ' || coalesce(w.amount, 0) || ' is in unfinished refunds'
from owed o full join on_its_way w using (booking) where coalesce(o.amount, 0) <> coalesce(w.amount, 0)
"""
