"""A completed booking has exactly one invoice; no other booking has one (docs/product.md#invoices)."""

BREACHES = """
select b.id, b.id, b.status || ' with ' || count(i.id) || ' invoices'
from bookings b left join invoices i on i.booking_id = b.id and i.kind = 'invoice'
group by b.id having count(i.id) <> case b.status when 'completed' then 1 else 0 end
"""
