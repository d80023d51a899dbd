"""A Postgres of its own for the two databases, with the memory a small one in the cloud has."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pg8000.native import Connection
from sqlalchemy.engine import make_url

from infra.local.postgres import Postgres

# Loading writes no log (`wal_level`): what is truncated and filled in one transaction is only synced at its end.
SETTINGS = {
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "8GB",
    "shared_buffers": "1GB",
    "maintenance_work_mem": "512MB",
    "autovacuum": "off",
}


@contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    with Postgres(folder / "postgres", durable=False) as server:
        with closing(superuser(server.url)) as connection:
            for name, value in SETTINGS.items():
                connection.run(f"alter system set {name} = '{value}'")
        server.restart()
        yield server


def superuser(url: str) -> Connection:
    """Connect as the superuser, who may disable constraints, without a time limit."""
    to = make_url(url)
    return Connection("postgres", to.host, to.database, to.port, to.password, ssl_context=False)


def database(server: Postgres, name: str, template: str | None = None) -> str:
    """Create a database, empty or as a copy, owned as in production; returns its URL."""
    with closing(superuser(server.url)) as connection:
        copied = f" template {template} strategy file_copy" if template else ""
        connection.run(f"create database {name} owner sizzle{copied}")
    return make_url(server.url).set(database=name).render_as_string(hide_password=False)
