"""The admins' function: statistics, chefs, users, places, bookings, payments and the audit log."""

from functions.web.app import serve
from functions.wiring import ENQUEUEING, INVOICING

ROUTES = {
    "/api/v1/admin/stats": {"GET": "functions.admin.stats"},
    "/api/v1/admin/ledger": {"GET": "functions.admin.ledger"},
    "/api/v1/admin/users": {"GET": "functions.admin.users"},
    "/api/v1/admin/users/{user_id}": {"PUT": "functions.admin.users"},
    "/api/v1/admin/locations": {"GET": "functions.admin.locations", "POST": "functions.admin.locations"},
    "/api/v1/admin/locations/{location_id}": {
        "PUT": "functions.admin.locations",
        "DELETE": "functions.admin.locations",
    },
    "/api/v1/admin/locations/{location_id}/areas": {"POST": "functions.admin.locations"},
    "/api/v1/admin/service-areas/{area_id}": {"PUT": "functions.admin.areas", "DELETE": "functions.admin.areas"},
    "/api/v1/admin/audit": {"GET": "functions.admin.audit"},
    "/api/v1/admin/bookings": {"GET": "functions.admin.bookings"},
    "/api/v1/admin/bookings/{booking_id}": {
        "GET": "functions.admin.booking_detail",
        "PUT": "functions.admin.booking_update",
    },
    "/api/v1/admin/bookings/{booking_id}/refunds": {"POST": "functions.admin.refunds"},
    "/api/v1/admin/payments": {"GET": "functions.admin.payments"},
    "/api/v1/admin/exceptions": {"GET": "functions.admin.exceptions"},
    "/api/v1/admin/exceptions/{exception_id}": {"PUT": "functions.admin.exceptions"},
    "/api/v1/admin/reconciliations": {"GET": "functions.admin.reconciliations"},
    "/api/v1/admin/reconciliations/days": {"GET": "functions.admin.reconciliations"},
    "/api/v1/admin/reconciliations/rows": {"GET": "functions.admin.reconciliations"},
    "/api/v1/admin/reconciliations/rows/{row_id}": {"PUT": "functions.admin.reconciliations"},
    "/api/v1/admin/tasks": {"GET": "functions.admin.tasks"},
    "/api/v1/admin/tasks/{task_id}/retry": {"POST": "functions.admin.tasks"},
}
LINE_ROUTES = {
    "home_chef": {
        "/api/v1/admin/chefs": {"GET": "functions.admin.chefs", "POST": "functions.admin.chefs"},
        "/api/v1/admin/chefs/{chef_id}": {
            "GET": "functions.admin.chefs",
            "PUT": "functions.admin.chefs",
            "DELETE": "functions.admin.chefs",
        },
        "/api/v1/admin/chefs/{chef_id}/availability": {"POST": "functions.admin.chefs"},
        "/api/v1/admin/chefs/{chef_id}/statement": {"GET": "functions.admin.chef_statement"},
    },
}

admin = serve(
    "admin",
    ROUTES,
    LINE_ROUTES,
    requires=["database_url", "jwt_keys", *ENQUEUEING, *INVOICING],
    loads=["infra.postgres.engine"],
)
