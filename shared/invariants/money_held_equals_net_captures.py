"""Per booking, the balance at the gateway and in cash equals the captured sum less the refunds that are done."""

BREACHES = """
with held as (
  select t.booking_id as booking, p.account, sum(p.amount) as amount
  from ledger_transactions t join ledger_postings p on p.transaction_id = t.id
  where p.account in ('gateway_clearing', 'cash') and t.kind <> 'gateway_fee' group by 1, 2
), stayed as (
  select booking, account, sum(amount) as amount from (
    select booking_id, case gateway when 'cash' then 'cash' else 'gateway_clearing' end, amount
    from payment_attempts where state = 'succeeded'
    union all
    select r.booking_id, case a.gateway when 'cash' then 'cash' else 'gateway_clearing' end, -r.amount
    from refunds r join payment_attempts a on a.id = r.attempt_id where r.state = 'done'
  ) moved(booking, account, amount) group by 1, 2
)
select booking, booking, account || ' is ' || coalesce(h.amount, 0) || ', not ' || coalesce(s.amount, 0)
from held h full join stayed s using (booking, account) where coalesce(h.amount, 0) <> coalesce(s.amount, 0)
"""
