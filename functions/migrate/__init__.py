"""Migrates the database to this release's schema; the only function that ships alembic."""

from functions.web.app import serve

ROUTES = {
    "/migrations/upgrade": {"POST": "functions.migrate.schema"},
}

migrate = serve(
    "migrate",
    ROUTES,
    {},
    requires=["database_url", "migrate_url", "migrate_invoker"],
    loads=["infra.google.invokers"],
)
