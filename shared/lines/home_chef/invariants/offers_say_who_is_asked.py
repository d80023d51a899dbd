"""The one offer of a visit that stands is its chef's, open or accepted as the booking says; what is cancelled offers nothing.

Once the visit is confirmed the clock of an open offer runs, and not before (PRODUCT, "A booking", Chef).
"""

BREACHES = """
select b.id, b.id, b.status || ', ' || b.answer || ', with an offer that is ' || coalesce(o.state, 'none')
from bookings b left join offers o on o.booking_id = b.id and o.state in ('open', 'accepted')
where b.line = 'home_chef' and case
  when b.status = 'cancelled' or b.answer = 'unassigned' then o.id is not null
  when b.answer = 'awaiting' then o.id is null or o.state <> 'open' or o.chef_id <> b.provider_id
    or (b.status = 'confirmed') <> (o.expires_at is not null)
  else o.id is null or o.state <> 'accepted' or o.chef_id <> b.provider_id end
"""
