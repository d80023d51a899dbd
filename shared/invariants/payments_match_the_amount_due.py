"""A live or applied attempt has the amount, currency and booking of its payment (docs/product.md#attempts).

The payment of an unpaid booking is due in the amount of the booking's total.
"""

BREACHES = """
select a.id, a.booking_id, a.amount || ' ' || a.currency || ' where ' || p.amount || ' ' || p.currency || ' is due'
from payment_attempts a join payments p on p.id = a.payment_id
where (a.state in ('created', 'pending') or a.capture = 'applied')
  and (a.amount, a.currency, a.booking_id) <> (p.amount, p.currency, p.booking_id)
union all
select p.id, b.id, p.amount || ' is due for a total of ' || b.total from payments p join bookings b on b.id = p.booking_id
where b.status in ('pending', 'confirmed', 'in_progress') and b.payment_status in ('pending', 'failed') and p.paid_at is null and p.withdrawn_at is null and p.amount <> b.total
"""
