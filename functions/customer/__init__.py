"""What a customer does: who they are, where they live, who could cook for them, what a visit costs, and booking it."""

from functions.customer import addresses, bookings, chefs, profile, serviceability
from functions.web import serve

customer = serve(
    "customer",
    [profile.routes, addresses.routes, serviceability.routes, chefs.routes, bookings.routes],
    requires=["database_url", "jwt_keys"],
    loads=["infra.postgres.engine"],
)
