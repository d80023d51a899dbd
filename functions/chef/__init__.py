"""The chefs' function: profile, calendar, offered visits, earnings and notifications."""

from functions.web.app import serve
from functions.wiring import ENQUEUEING, INVOICING

LINE_ROUTES = {
    "home_chef": {
        "/api/v1/chef/profile": {"GET": "functions.chef.profile", "PUT": "functions.chef.profile"},
        "/api/v1/chef/availability": {"POST": "functions.chef.availability"},
        "/api/v1/chef/availability/{slot_id}": {"DELETE": "functions.chef.availability"},
        "/api/v1/chef/days-off": {"GET": "functions.chef.days_off", "POST": "functions.chef.days_off"},
        "/api/v1/chef/days-off/{day_off_id}": {"DELETE": "functions.chef.days_off"},
        "/api/v1/chef/bookings": {"GET": "functions.chef.bookings"},
        "/api/v1/chef/bookings/{booking_id}": {"GET": "functions.chef.bookings"},
        "/api/v1/chef/bookings/{booking_id}/status": {"PUT": "functions.chef.booking_status"},
        "/api/v1/chef/earnings": {"GET": "functions.chef.earnings"},
        "/api/v1/chef/notifications": {"GET": "functions.chef.notifications"},
        "/api/v1/chef/notifications/{notification_id}/read": {"PUT": "functions.chef.notifications"},
    }
}

chef = serve(
    "chef",
    {},
    LINE_ROUTES,
    requires=["database_url", "jwt_keys", *ENQUEUEING, *INVOICING],
    loads=["infra.postgres.engine"],
)
