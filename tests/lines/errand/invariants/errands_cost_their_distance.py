"""Each booking of this line has an errand and costs the price of its distance."""

from tests.lines.errand.pricing import BASE, GST_BP, PER_KM

BREACHES = f"""
select b.id, b.id, 'costs ' || b.total || ' for ' || coalesce(e.distance_km, 0) || ' km'
from bookings b left join errands e on e.booking_id = b.id where b.line = 'errand'
  and b.total is distinct from ({BASE} + {PER_KM} * e.distance_km) * {10_000 + GST_BP} / 10000
"""
