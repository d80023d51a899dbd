"""A reschedule to a lower price refunds exactly the difference, to the paisa (docs/product.md#reschedule)."""

BREACHES = """
select b.id, b.id, a.amount || ' was paid for ' || b.total || ', and moving gave back ' || coalesce(sum(r.amount), 0)
from bookings b join payment_attempts a on a.booking_id = b.id and a.capture = 'applied'
left join refunds r on r.attempt_id = a.id and r.reason = 'rescheduled'
where b.line = 'home_chef' group by b.id, a.id having a.amount - b.total <> coalesce(sum(r.amount), 0)
"""
