"""The database brought to the schema of this release: the only function that carries alembic."""

from functions.migrate import schema
from functions.web import serve

migrate = serve(
    "migrate",
    [schema.routes],
    requires=["database_url", "migrate_url", "migrate_invoker"],
    loads=["infra.google"],
)
