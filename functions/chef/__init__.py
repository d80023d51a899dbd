"""What a chef does: their profile, when they work, and the visits offered to them."""

from functions.chef import availability, bookings, days_off, profile
from functions.web import serve

chef = serve(
    "chef",
    [profile.routes, availability.routes, days_off.routes, bookings.routes],
    requires=["database_url", "jwt_keys"],
    loads=["infra.postgres.engine"],
)
