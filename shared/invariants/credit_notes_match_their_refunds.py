"""Each credit note has a refund of its booking and amount; an invoice's credit notes never exceed its total."""

BREACHES = """
select n.id, n.booking_id, 'a credit note of ' || (n.document ->> 'total') || ' for a refund of ' || coalesce(r.amount, 0)
from invoices n left join refunds r on r.id = n.refund_id where n.kind = 'credit_note'
  and (r.id is null or r.booking_id <> n.booking_id or r.amount <> (n.document ->> 'total')::bigint)
union all
select i.id, i.booking_id, 'credit notes exceed the total of ' || (i.document ->> 'total')
from invoices i join invoices n on n.booking_id = i.booking_id and n.kind = 'credit_note' where i.kind = 'invoice'
group by i.id having sum((n.document ->> 'total')::bigint) > (i.document ->> 'total')::bigint
"""
