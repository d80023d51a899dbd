"""A chef's mean counts each rating once, and only completed visits are rated (PRODUCT, "A booking", Ratings)."""

BREACHES = """
select c.user_id, null::uuid, c.rating_count || ' ratings of ' || c.rating_sum || ' stars, given ' || count(r.booking_id)
from chef_profiles c left join home_chef_ratings r on r.chef_id = c.user_id
group by c.user_id having (c.rating_count, c.rating_sum) <> (count(r.booking_id), coalesce(sum(r.stars), 0))
union all
select r.booking_id, b.id, 'rated, and ' || b.status from home_chef_ratings r join bookings b on b.id = r.booking_id
where b.status <> 'completed' or b.provider_id is distinct from r.chef_id
"""
