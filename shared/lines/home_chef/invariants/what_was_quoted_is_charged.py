"""A quote is used only by its own customer, for one booking, at the quoted price (docs/product.md#quotes)."""

BREACHES = """
select q.id, b.id, 'quoted ' || q.total || ', booked at ' || b.total from home_chef_quotes q
join bookings b on b.id = q.booking_id join appointments v on v.booking_id = b.id
where b.customer_id <> q.customer_id
  or (v.rescheduled = 0 and (b.total, b.breakdown, (v.details ->> 'rate')::bigint) <> (q.total, q.breakdown, q.rate))
union all
select (array_agg(id))[1], booking_id, count(*) || ' quotes for one booking' from home_chef_quotes
where booking_id is not null group by booking_id having count(*) > 1
"""
