"""Each completed booking has a ledger entry `completed`; entries of earnings exist only for bookings of a matching status."""

BREACHES = """
select b.id, b.id, 'completed, without a ledger entry of its earnings' from bookings b where b.status = 'completed'
  and not exists (select from ledger_transactions t where t.kind = 'completed' and t.source_id = b.id)
union all
select t.source_id, b.id, t.kind || ' of a booking that is ' || b.status
from ledger_transactions t join bookings b on b.id = t.booking_id
where (t.kind = 'completed' and b.status <> 'completed') or (t.kind = 'kept_on_cancellation' and b.status <> 'cancelled')
  or (t.kind = 'earnings_reversed' and b.status not in ('completed', 'cancelled'))
"""
