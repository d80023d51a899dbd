"""An offer that nobody answers is over within an hour of its end (PRODUCT, "A booking", Chef)."""

BREACHES = """
select id, booking_id, 'open, to be answered by ' || expires_at from offers
where state = 'open' and expires_at < cast(:now as timestamptz) - interval '1 hour'
"""
