"""A late or duplicate payment is refunded in full (docs/product.md#refunds)."""

BREACHES = """
select a.id, a.booking_id, a.capture || ' ' || a.amount || ', of which ' || coalesce(sum(r.amount), 0) || ' is refunded'
from payment_attempts a left join refunds r on r.attempt_id = a.id
where a.capture in ('late', 'duplicate') group by a.id having coalesce(sum(r.amount), 0) <> a.amount
"""
