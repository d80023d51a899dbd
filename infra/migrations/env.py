"""Alembic's entry point: one transaction for all steps, under an advisory lock."""

from alembic import context
from sqlalchemy import text

from infra.migrations import LOCK
from infra.migrations.tables import metadata

engine = context.config.attributes["engine"]
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, compare_server_default=True)
    with context.begin_transaction():
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        context.run_migrations()
