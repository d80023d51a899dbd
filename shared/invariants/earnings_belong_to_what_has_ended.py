"""A completed booking is booked as earned; nothing is earned, kept or reversed of one that has not ended so."""

BREACHES = """
select b.id, b.id, 'completed, and nothing is booked as earned' from bookings b where b.status = 'completed'
  and not exists (select from ledger_transactions t where t.kind = 'completed' and t.source_id = b.id)
union all
select t.source_id, b.id, t.kind || ' of a booking that is ' || b.status
from ledger_transactions t join bookings b on b.id = t.booking_id
where (t.kind = 'completed' and b.status <> 'completed') or (t.kind = 'kept_on_cancellation' and b.status <> 'cancelled')
  or (t.kind = 'earnings_reversed' and b.status not in ('completed', 'cancelled'))
"""
