"""A booking has a payment deadline if and only if it is active, unpaid and not agreed as cash (docs/product.md#unpaid-bookings)."""

BREACHES = """
select id, id, status || ', ' || payment_status || ', to be paid by ' || coalesce(pay_by::text, 'never') from bookings
where (pay_by is not null)
  <> (status in ('pending', 'confirmed', 'in_progress') and payment_status in ('pending', 'failed') and not cash_agreed)
"""
