"""A paid appointment without a provider has an open or closed review. Source: docs/product.md#offers."""

BREACHES = """
select b.id, b.id, 'no provider, and no review' from bookings b join appointments a on a.booking_id = b.id
where b.status = 'confirmed' and b.acceptance = 'unassigned'
  and not exists (select from exceptions e where e.subject_id = b.id and e.kind = 'no_provider')
"""
