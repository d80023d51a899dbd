"""A booking's payment status follows from its captures, except duplicates, and its done refunds (docs/product.md#payment-status).

The rule is that of `shared.payments.matching.payment_status`, applied to all rows at once.
"""

BREACHES = """
with money as (
  select a.booking_id, sum(a.amount) as captured, sum(coalesce(
    (select sum(r.amount) from refunds r where r.attempt_id = a.id and r.state = 'done'), 0)) as refunded
  from payment_attempts a where a.capture in ('applied', 'late') group by 1
)
select b.id, b.id, b.payment_status || ' with ' || coalesce(captured, 0) || ' captured, ' || coalesce(refunded, 0) || ' refunded'
from bookings b left join money on money.booking_id = b.id
where b.payment_status not in (
  case when captured is null then 'failed' when refunded = 0 then 'success'
    when refunded >= captured then 'refunded' else 'partially_refunded' end,
  case when captured is null and b.status <> 'cancelled' then 'pending' else '' end)
"""
