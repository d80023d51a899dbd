"""What those who run the platform do: bookings, refunds, payments and what only a person can settle."""

from functions.admin import (
    bookings,
    exceptions,
    payments,
    reconciliations,
    refunds,
)
from functions.web import serve

admin = serve(
    "admin",
    [
        bookings.routes,
        refunds.routes,
        payments.routes,
        exceptions.routes,
        reconciliations.routes,
    ],
    requires=["database_url", "jwt_keys"],
    loads=["infra.postgres.engine", "shared.lines.home_chef.line"],
)
