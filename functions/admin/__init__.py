"""What an admin does: numbers, chefs and people, places, bookings and their money, and what admins have changed."""

from functions.admin import (
    areas,
    audit,
    bookings,
    chefs,
    exceptions,
    ledger,
    locations,
    payments,
    reconciliations,
    refunds,
    stats,
    tasks,
    users,
)
from functions.web import serve
from functions.wiring import INVOICING, PROMISING

admin = serve(
    "admin",
    [
        stats.routes,
        chefs.routes,
        users.routes,
        locations.routes,
        areas.routes,
        audit.routes,
        bookings.routes,
        refunds.routes,
        payments.routes,
        exceptions.routes,
        ledger.routes,
        reconciliations.routes,
        tasks.routes,
    ],
    requires=["database_url", "jwt_keys", *PROMISING, *INVOICING],
    loads=["infra.postgres.engine", "shared.lines.home_chef.line"],
)
