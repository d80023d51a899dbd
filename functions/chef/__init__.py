"""What a chef does: their profile, when they work, the visits offered to them, what they earn and what they were told."""

from functions.chef import availability, bookings, days_off, earnings, notifications, profile
from functions.web import serve
from functions.wiring import INVOICING, PROMISING

chef = serve(
    "chef",
    [
        profile.routes,
        availability.routes,
        days_off.routes,
        bookings.routes,
        earnings.routes,
        notifications.routes,
    ],
    requires=["database_url", "jwt_keys", *PROMISING, *INVOICING],
    loads=["infra.postgres.engine", "shared.lines.home_chef.line"],
)
