"""A visit that has begun is paid: a payment was applied to its booking (docs/product.md#start-and-completion)."""

BREACHES = """
select b.id, b.id, b.status || ', and no payment was applied' from bookings b where b.status in ('in_progress', 'completed')
  and not exists (select from payment_attempts a where a.booking_id = b.id and a.capture = 'applied')
"""
