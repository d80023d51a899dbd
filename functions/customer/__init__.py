"""What a customer does: who could cook for them and what a visit costs, booking it, and what they were told."""

from functions.serving import serve
from functions.wiring import PROMISING

customer = serve(
    "customer",
    {
        "/api/v1/customer/profile": ["functions.customer.profile"],
        "/api/v1/customer/addresses": ["functions.customer.addresses"],
        "/api/v1/customer/check-serviceability": ["functions.customer.serviceability"],
        "/api/v1/customer/chefs": ["functions.customer.chefs"],
        "/api/v1/customer/slots": ["functions.customer.chefs"],
        "/api/v1/customer/quotes": ["functions.customer.booking"],
        "/api/v1/customer/bookings": [
            "functions.customer.bookings",
            "functions.customer.details",
            "functions.customer.booking",
            "functions.customer.changes",
            "functions.customer.completed",
        ],
        "/api/v1/customer/notifications": ["functions.customer.notifications"],
    },
    requires=["database_url", "jwt_keys", *PROMISING],
    loads=["infra.postgres.engine"],
)
