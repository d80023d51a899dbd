"""A refund in `needs_person` has an open manual review; a mismatched payment has an open or closed one."""

BREACHES = """
select r.id, r.booking_id, 'a refund needs a person, without an open review' from refunds r where r.state = 'needs_person'
  and not exists (select from exceptions e where e.subject_id = r.id and e.closed_at is null)
union all
select a.id, a.booking_id, 'a mismatched payment without a review' from payment_attempts a where a.state = 'mismatched'
  and not exists (select from exceptions e where e.subject_id = a.id and e.kind = 'payment_mismatch')
"""
