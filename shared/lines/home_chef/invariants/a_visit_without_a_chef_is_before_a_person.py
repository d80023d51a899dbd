"""A paid visit that no chef is left for is shown to the admins at once (PRODUCT, "A booking", Chef)."""

BREACHES = """
select b.id, b.id, 'no chef, and nobody was told' from bookings b
where b.line = 'home_chef' and b.status = 'confirmed' and b.answer = 'unassigned'
  and not exists (select from exceptions e where e.subject_id = b.id and e.kind = 'no_chef')
"""
