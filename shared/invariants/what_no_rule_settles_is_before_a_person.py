"""A refund that waits for a person has an open exception; a payment that is not what was asked has, or has had, one."""

BREACHES = """
select r.id, r.booking_id, 'a refund waits for a person whom nobody asked' from refunds r where r.state = 'needs_person'
  and not exists (select from exceptions e where e.subject_id = r.id and e.closed_at is null)
union all
select a.id, a.booking_id, 'a mismatch nobody was told of' from payment_attempts a where a.state = 'mismatched'
  and not exists (select from exceptions e where e.subject_id = a.id and e.kind = 'payment_mismatch')
"""
