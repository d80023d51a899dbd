"""A refund is done within eight days of the decision (a day after the last poll), or has an open manual review."""

BREACHES = """
select r.id, r.booking_id, r.state || ' since ' || r.created_at from refunds r
where r.state <> 'done' and r.created_at < cast(:now as timestamptz) - interval '8 days'
  and not exists (select from exceptions e where e.subject_id = r.id and e.closed_at is null)
  and (r.next_poll_at is null or r.next_poll_at < cast(:now as timestamptz) - interval '1 hour')
"""
