"""An appointment's current offer has its provider and acceptance; a cancelled or unassigned appointment has none.

The open offer of a confirmed booking has a deadline. Source: docs/product.md#offers.
"""

BREACHES = """
select b.id, b.id, b.status || ', ' || b.acceptance || ', with an offer that is ' || coalesce(o.state, 'none')
from bookings b join appointments a on a.booking_id = b.id
left join offers o on o.booking_id = b.id and o.state in ('open', 'accepted')
where case
  when b.status = 'cancelled' or b.acceptance = 'unassigned' then o.id is not null
  when b.acceptance = 'awaiting' then o.id is null or o.state <> 'open' or o.provider_id <> b.provider_id
    or (b.status = 'confirmed' and o.expires_at is null)
  else o.id is null or o.state <> 'accepted' or o.provider_id <> b.provider_id end
"""
