"""What an admin does: numbers, chefs and people, places, bookings and their money, and what admins have changed."""

from functions.serving import serve
from functions.wiring import INVOICING, PROMISING

admin = serve(
    "admin",
    {
        "/api/v1/admin/stats": ["functions.admin.stats"],
        "/api/v1/admin/chefs": ["functions.admin.chefs", "functions.admin.ledger"],
        "/api/v1/admin/users": ["functions.admin.users"],
        "/api/v1/admin/locations": ["functions.admin.locations"],
        "/api/v1/admin/service-areas": ["functions.admin.areas"],
        "/api/v1/admin/audit": ["functions.admin.audit"],
        "/api/v1/admin/bookings": [
            "functions.admin.bookings",
            "functions.admin.files",
            "functions.admin.changes",
            "functions.admin.refunds",
        ],
        "/api/v1/admin/payments": ["functions.admin.payments"],
        "/api/v1/admin/exceptions": ["functions.admin.exceptions"],
        "/api/v1/admin/ledger": ["functions.admin.ledger"],
        "/api/v1/admin/reconciliations": ["functions.admin.reconciliations"],
        "/api/v1/admin/tasks": ["functions.admin.tasks"],
    },
    requires=["database_url", "jwt_keys", *PROMISING, *INVOICING],
    loads=["infra.postgres.engine"],
)
