"""The ledger credits each side of a completed visit its part of the price, and its pro rata part of a cancellation fee.

Pro rata parts are exact to less than a paisa. Without a chef, the platform gets the chef's part. A completed visit with
an earlier refund is checked by `customer_advance_equals_unearned_payments` alone.
"""

BREACHES = """
with earned as (
  select t.booking_id, t.kind, -sum(p.amount) filter (where p.account = 'provider_payable') as chef,
    -sum(p.amount) filter (where p.account = 'gst_payable') as gst,
    sum(p.amount) filter (where p.account = 'customer_advance') as whole
  from ledger_transactions t join ledger_postings p on p.transaction_id = t.id
  where t.kind in ('completed', 'kept_on_cancellation') group by t.id
), parts as (
  select e.kind, b.id, b.total, e.whole, coalesce(e.chef, 0) as chef, coalesce(e.gst, 0) as gst,
    case when e.kind = 'completed' or b.provider_id is not null then v.earning else 0 end as chefs_part,
    (b.breakdown ->> 'gst_service')::bigint + (b.breakdown ->> 'gst_fee')::bigint as gst_part
  from earned e join bookings b on b.id = e.booking_id join appointments v on v.booking_id = b.id and b.line = 'home_chef'
  where e.kind = 'kept_on_cancellation' or e.whole = b.total
)
select id, id, kind || ' ' || whole || ': the chef gets ' || chef || ', the state ' || gst from parts
where abs(chef * total - whole * chefs_part) >= total or abs(gst * total - whole * gst_part) >= total
  or (kind = 'completed' and (chef, gst) <> (chefs_part, gst_part))
"""
