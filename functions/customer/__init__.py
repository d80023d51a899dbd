"""The customers' function: chefs, quotes, bookings, profile, addresses and notifications."""

from functions.web.app import serve
from functions.wiring import ENQUEUEING

ROUTES = {
    "/api/v1/customer/profile": {"GET": "functions.customer.profile", "PUT": "functions.customer.profile"},
    "/api/v1/customer/addresses": {"GET": "functions.customer.addresses", "POST": "functions.customer.addresses"},
    "/api/v1/customer/addresses/{address_id}": {
        "PUT": "functions.customer.addresses",
        "DELETE": "functions.customer.addresses",
    },
    "/api/v1/customer/check-serviceability": {"POST": "functions.customer.serviceability"},
    "/api/v1/customer/bookings": {"GET": "functions.customer.booking_summaries"},
    "/api/v1/customer/bookings/{booking_id}/events": {"GET": "functions.customer.booking_events"},
    "/api/v1/customer/bookings/{booking_id}/invoice": {"GET": "functions.customer.invoice"},
    "/api/v1/customer/notifications": {"GET": "functions.customer.notifications"},
    "/api/v1/customer/notifications/{notification_id}/read": {"PUT": "functions.customer.notifications"},
}
LINE_ROUTES = {
    "home_chef": {
        "/api/v1/customer/chefs": {"GET": "functions.customer.chefs"},
        "/api/v1/customer/chefs/{chef_id}": {"GET": "functions.customer.chefs"},
        "/api/v1/customer/slots": {"GET": "functions.customer.chefs"},
        "/api/v1/customer/quotes": {"POST": "functions.customer.booking"},
        "/api/v1/customer/bookings": {"GET": "functions.customer.bookings", "POST": "functions.customer.booking"},
        "/api/v1/customer/bookings/{booking_id}": {"GET": "functions.customer.details"},
        "/api/v1/customer/bookings/{booking_id}/cancellation": {"GET": "functions.customer.cancellation"},
        "/api/v1/customer/bookings/{booking_id}/cancel": {"POST": "functions.customer.cancellation"},
        "/api/v1/customer/bookings/{booking_id}/reschedule": {
            "GET": "functions.customer.reschedule",
            "POST": "functions.customer.reschedule",
        },
        "/api/v1/customer/bookings/{booking_id}/rating": {"POST": "functions.customer.rating"},
    }
}

customer = serve(
    "customer", ROUTES, LINE_ROUTES, requires=["database_url", "jwt_keys", *ENQUEUEING], loads=["infra.postgres.engine"]
)
