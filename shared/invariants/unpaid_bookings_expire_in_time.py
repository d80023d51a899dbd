"""An unpaid booking is cancelled within an hour of its deadline, which frees the provider's time (docs/product.md#unpaid-bookings)."""

BREACHES = """
select id, id, 'unpaid, to be paid by ' || pay_by from bookings
where status in ('pending', 'confirmed', 'in_progress') and payment_status in ('pending', 'failed')
  and pay_by < cast(:now as timestamptz) - interval '1 hour'
"""
