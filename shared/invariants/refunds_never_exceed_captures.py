"""The refunds of a payment never exceed its amount; an unsuccessful payment has none (docs/product.md#refunds)."""

BREACHES = """
select a.id, a.booking_id, sum(r.amount) || ' is refunded of ' || a.amount || ', ' || a.state
from payment_attempts a join refunds r on r.attempt_id = a.id
group by a.id having sum(r.amount) > a.amount or a.state <> 'succeeded' or bool_or(r.booking_id <> a.booking_id)
"""
