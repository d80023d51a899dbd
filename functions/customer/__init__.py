"""What a customer does: who could cook for them and what a visit costs, booking it, and what they were told."""

from functions.customer import addresses, bookings, chefs, notifications, profile, serviceability
from functions.web import serve
from functions.wiring import PROMISING

customer = serve(
    "customer",
    [
        profile.routes,
        addresses.routes,
        serviceability.routes,
        chefs.routes,
        bookings.routes,
        notifications.routes,
    ],
    requires=["database_url", "jwt_keys", *PROMISING],
    loads=["infra.postgres.engine", "shared.lines.home_chef.line"],
)
