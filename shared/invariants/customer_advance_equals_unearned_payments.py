"""Until a booking ends, its customer's advance is the applied payment less its refunds; afterwards the advance is zero."""

BREACHES = """
with advance as (
  select t.booking_id as booking, -sum(p.amount) as amount
  from ledger_transactions t join ledger_postings p on p.transaction_id = t.id
  where p.account = 'customer_advance' group by 1
), paid as (
  select a.booking_id as booking, sum(a.amount - coalesce(
    (select sum(r.amount) from refunds r where r.attempt_id = a.id), 0)) as amount
  from payment_attempts a where a.capture = 'applied' group by 1
), due as (
  select b.id, b.status, coalesce(advance.amount, 0) as advance,
    case when b.status in ('completed', 'cancelled') then 0 else coalesce(paid.amount, 0) end as expected
  from bookings b left join advance on advance.booking = b.id left join paid on paid.booking = b.id
)
select id, id, 'the advance of a booking that is ' || status || ' is ' || advance || ', not ' || expected
from due where advance <> expected
"""
