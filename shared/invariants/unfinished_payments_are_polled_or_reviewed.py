"""An unfinished payment or refund has a next poll or an open manual review (docs/product.md#polling-schedule)."""

BREACHES = """
select u.id, u.booking_id, u.what || ' without a next poll and without a review' from (
  select id, booking_id, 'a live payment' as what from payment_attempts
  where state in ('created', 'pending') and next_poll_at is null
  union all
  select id, booking_id, 'an unfinished refund' from refunds
  where state in ('created', 'sent', 'pending') and next_poll_at is null
) u where not exists (select from exceptions e where e.subject_id = u.id and e.closed_at is null)
"""
