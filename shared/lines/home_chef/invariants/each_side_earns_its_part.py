"""Each side earns its part of a completed visit's price, and its pro-rata part of a retained cancellation amount.

Pro rata is rounded to the paisa; the platform gets the chef's part of a visit without a chef. The invariant
`the_advance_is_what_is_still_to_come` covers completed visits that were partly refunded before.
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
select id, id, kind || ' ' || whole || ': the chef has ' || chef || ', the state ' || gst from parts
where abs(chef * total - whole * chefs_part) >= total or abs(gst * total - whole * gst_part) >= total
  or (kind = 'completed' and (chef, gst) <> (chefs_part, gst_part))
"""
