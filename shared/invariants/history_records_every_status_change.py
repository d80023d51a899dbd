"""A booking's history is an unbroken chain of legal status changes that ends with the current status; final statuses stay.

The list of changes below copies `shared.bookings.lifecycle.BOOKING`; a test compares the two.
"""

BREACHES = """
with moves as (
  select booking_id, from_status, to_status, lag(to_status) over told as before,
    lead(to_status) over told is null as last
  from booking_events where to_status is not null window told as (partition by booking_id order by id)
)
select b.id, b.id, 'is ' || b.status || ', its history ends with ' || coalesce(m.to_status, 'nothing')
from bookings b left join moves m on m.booking_id = b.id and m.last where b.status is distinct from m.to_status
union all
select booking_id, booking_id,
  coalesce(before, 'nothing') || ', then from ' || coalesce(from_status, 'nothing') || ' to ' || to_status
from moves where from_status is distinct from before or (coalesce(from_status, ''), to_status) not in (
  ('', 'pending'), ('pending', 'confirmed'), ('pending', 'cancelled'), ('confirmed', 'in_progress'),
  ('confirmed', 'cancelled'), ('in_progress', 'completed'))
"""
