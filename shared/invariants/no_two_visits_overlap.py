"""The busy periods of a provider's active bookings never overlap (docs/product.md#slots)."""

BREACHES = """
select b.id, b.id, 'overlaps ' || o.id from bookings b
join bookings o on o.provider_id = b.provider_id and o.busy_period && b.busy_period and o.id < b.id
where b.status in ('pending', 'confirmed', 'in_progress') and o.status in ('pending', 'confirmed', 'in_progress')
"""
