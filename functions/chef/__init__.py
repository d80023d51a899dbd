"""What a chef does: their profile, when they work, the visits offered to them, what they earn and what they were told."""

from functions.serving import serve
from functions.wiring import INVOICING, PROMISING

chef = serve(
    "chef",
    {
        "/api/v1/chef/profile": ["functions.chef.profile"],
        "/api/v1/chef/availability": ["functions.chef.availability"],
        "/api/v1/chef/days-off": ["functions.chef.days_off"],
        "/api/v1/chef/bookings": ["functions.chef.bookings", "functions.chef.steps"],
        "/api/v1/chef/earnings": ["functions.chef.earnings"],
        "/api/v1/chef/notifications": ["functions.chef.notifications"],
    },
    requires=["database_url", "jwt_keys", *PROMISING, *INVOICING],
    loads=["infra.postgres.engine"],
)
