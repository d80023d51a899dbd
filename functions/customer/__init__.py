"""What a customer does: who they are, where they live, what a visit costs, booking it, and what they were told."""

from functions.customer import addresses, bookings, notifications, profile, serviceability
from functions.web import serve

customer = serve(
    "customer",
    [profile.routes, addresses.routes, serviceability.routes, bookings.routes, notifications.routes],
    requires=["database_url", "jwt_keys"],
    loads=["infra.postgres.engine", "shared.lines.home_chef.line"],
)
