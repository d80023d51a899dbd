"""Each refund has a ledger entry for its decision and one for its completion, with its amount; no entry lacks its refund.

A late or duplicate payment was posted as owed back at capture, so its refund has no entry for the decision.
"""

BREACHES = """
with booked as (
  select t.source_id, t.booking_id, t.kind = 'refund_done' as done, abs(sum(p.amount)) as amount
  from ledger_transactions t join ledger_postings p on p.transaction_id = t.id
  where t.kind in ('refund_decided', 'earnings_reversed', 'refund_done') and p.account = 'refunds_payable' group by t.id
), expected as (
  select r.id, r.booking_id, r.amount, false as done
  from refunds r join payment_attempts a on a.id = r.attempt_id where a.capture = 'applied'
  union all
  select id, booking_id, amount, true from refunds where state = 'done'
)
select coalesce(r.id, t.source_id), coalesce(r.booking_id, t.booking_id),
  case when coalesce(r.done, t.done) then 'done: ' else 'decided: ' end
    || coalesce(r.amount, 0) || ' is in the ledger as ' || coalesce(t.amount, 0)
from expected r full join booked t on t.source_id = r.id and t.done = r.done
where r.id is null or t.source_id is null or t.amount <> r.amount or t.booking_id <> r.booking_id
"""
