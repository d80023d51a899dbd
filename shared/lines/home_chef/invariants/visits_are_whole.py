"""A booking of this line has a visit and a payment, blocks its chef for the whole visit, and was moved at most twice."""

BREACHES = """
select b.id, b.id, case when v.booking_id is null then 'no visit' when p.id is null then 'no payment'
  else 'held ' || b.busy_period || ' for ' || (v.details ->> 'duration_hours') || ' h from ' || v.starts_at || ', moved ' || v.rescheduled end
from bookings b left join appointments v on v.booking_id = b.id
left join payments p on p.booking_id = b.id
where b.line = 'home_chef' and (v.booking_id is null or p.id is null or lower(b.busy_period) <> v.starts_at
  or upper(b.busy_period) < v.ends_at or v.ends_at - v.starts_at <> make_interval(hours => (v.details ->> 'duration_hours')::int)
  or v.rescheduled not between 0 and 2)
"""
