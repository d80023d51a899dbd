"""A booking's total is the sum of its price lines, and the tariff gives each line from rate, hours, guests and time.

Half-up to the paisa (docs/product.md#price). Of a rescheduled visit only the sum is checked: its tariff is not stored.
"""

import json

from shared.lines.home_chef.rate_card import RateCard

DEFAULTS = json.dumps(RateCard().to_row())  # a field that a tariff does not name has its default

BREACHES = f"""
select b.id, b.id, 'the lines sum to ' || s.lines || ', not ' || b.total
from bookings b join appointments v on v.booking_id = b.id and b.line = 'home_chef'
cross join lateral (select sum(value::bigint) as lines from jsonb_each_text(b.breakdown)) s
where s.lines is distinct from b.total
union all
select b.id, b.id, 'the tariff says ' || due.price::text from bookings b
join appointments v on v.booking_id = b.id and b.line = 'home_chef' and v.rescheduled = 0
left join home_chef_quotes q on q.booking_id = b.id
cross join lateral (select cast('{DEFAULTS}' as jsonb) || t.rates as rates from home_chef_tariffs t
  where t.valid_from <= coalesce(q.tariff, b.created_at) order by t.valid_from desc limit 1) t
cross join lateral (select (v.details ->> 'rate')::bigint * (v.details ->> 'duration_hours')::int as base,
  greatest((v.details ->> 'guest_count')::int - (rates ->> 'included_guests')::int, 0) * (rates ->> 'guest_surcharge')::bigint
    * (v.details ->> 'duration_hours')::int as surcharge) service
cross join lateral (select case when to_char(v.time_slot, 'HH24:MI') >= rates ->> 'peak_from'
    and to_char(v.time_slot, 'HH24:MI') < rates ->> 'peak_until'
  then ((base + surcharge) * (rates ->> 'peak_bp')::int * 2 + 10000) / 20000 else 0 end as premium) evening
cross join lateral (select base + surcharge + premium as subtotal) net
cross join lateral (select (subtotal * (rates ->> 'platform_fee_bp')::int * 2 + 10000) / 20000 as fee) platform
cross join lateral (select jsonb_build_object('base', base, 'guest_surcharge', surcharge, 'peak_premium', premium,
  'platform_fee', fee, 'gst_service', (subtotal * (rates ->> 'gst_service_bp')::int * 2 + 10000) / 20000,
  'gst_fee', (fee * (rates ->> 'gst_fee_bp')::int * 2 + 10000) / 20000) as price,
  subtotal - (subtotal * (rates ->> 'commission_bp')::int * 2 + 10000) / 20000 as earning) due
where due.price <> b.breakdown or due.earning <> v.earning
"""
