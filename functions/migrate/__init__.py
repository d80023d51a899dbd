"""The database brought to the schema of this release: the only function that carries alembic."""

from functions.serving import serve

migrate = serve(
    "migrate",
    {
        "/migrations": ["functions.migrate.schema"],
    },
    requires=["database_url", "migrate_url", "migrate_invoker"],
    loads=["infra.google.invokers"],
)
