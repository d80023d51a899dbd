"""A provider is in one place at a time: no two active bookings hold the same time of one (docs/product.md#slots)."""

BREACHES = """
select b.id, b.id, 'held with ' || o.id from bookings b
join bookings o on o.provider_id = b.provider_id and o.busy_period && b.busy_period and o.id < b.id
where b.status in ('pending', 'confirmed', 'in_progress') and o.status in ('pending', 'confirmed', 'in_progress')
"""
