"""A provider's rating count and sum include each rating once; only completed appointments have ratings.

Source: docs/product.md#ratings.
"""

BREACHES = """
select p.user_id, null::uuid, p.rating_count || ' ratings of ' || p.rating_sum || ' stars, given ' || count(r.booking_id)
from providers p left join ratings r on r.provider_id = p.user_id
group by p.user_id having (p.rating_count, p.rating_sum) <> (count(r.booking_id), coalesce(sum(r.stars), 0))
union all
select r.booking_id, b.id, 'rated, and ' || b.status from ratings r join bookings b on b.id = r.booking_id
where b.status <> 'completed' or b.provider_id is distinct from r.provider_id
"""
