"""A booking in progress or completed has an applied payment (docs/product.md#start-and-completion)."""

BREACHES = """
select b.id, b.id, b.status || ', without an applied payment' from bookings b where b.status in ('in_progress', 'completed')
  and not exists (select from payment_attempts a where a.booking_id = b.id and a.capture = 'applied')
"""
