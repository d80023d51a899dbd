"""Each refund of a completed booking has a credit note, except a refund by a reschedule, which lowered the price itself."""

BREACHES = """
select r.id, r.booking_id, 'no credit note for ' || r.amount from refunds r
join payment_attempts a on a.id = r.attempt_id and a.capture = 'applied'
join bookings b on b.id = r.booking_id and b.status = 'completed'
where r.reason <> 'rescheduled' and not exists (select from invoices i where i.refund_id = r.id)
"""
