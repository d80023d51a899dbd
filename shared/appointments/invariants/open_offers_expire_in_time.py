"""An open offer ends within an hour of its deadline. Source: docs/product.md#offers."""

BREACHES = """
select id, booking_id, 'open, to be answered by ' || expires_at from offers
where state = 'open' and expires_at < cast(:now as timestamptz) - interval '1 hour'
"""
