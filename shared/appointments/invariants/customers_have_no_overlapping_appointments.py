"""A customer's active appointments never overlap. Source: docs/product.md#slots."""

BREACHES = """
select b.id, b.id, 'at the same time as ' || o.id
from bookings b join bookings o on o.customer_id = b.customer_id and o.id < b.id
join appointments v on v.booking_id = b.id join appointments w on w.booking_id = o.id
where b.status in ('pending', 'confirmed', 'in_progress') and o.status in ('pending', 'confirmed', 'in_progress')
  and v.starts_at < w.ends_at and w.starts_at < v.ends_at
"""
