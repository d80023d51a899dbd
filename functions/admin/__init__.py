"""What an admin does: the numbers, the chefs, everybody else, the places served, and what admins have changed."""

from functions.admin import (
    areas,
    audit,
    chefs,
    locations,
    stats,
    users,
)
from functions.web import serve

admin = serve(
    "admin",
    [
        stats.routes,
        chefs.routes,
        users.routes,
        locations.routes,
        areas.routes,
        audit.routes,
    ],
    requires=["database_url", "jwt_keys"],
    loads=["infra.postgres.engine", "shared.lines.home_chef.line"],
)
