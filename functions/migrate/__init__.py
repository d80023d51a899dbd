"""The database brought to the schema of this release: the only function that carries alembic."""

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
