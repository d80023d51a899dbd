"""A real Postgres for the tests: one server per process (so one per xdist worker), a new database in 20 ms."""

import atexit
import itertools
import shutil
from contextlib import closing
from functools import cache
from pathlib import Path

from pg8000.native import Connection, identifier
from sqlalchemy.engine import URL, make_url

from infra.local.postgres import Postgres
from tests.leftovers import own_folder


class PostgresServer:
    """What tests may do with the server they share; a test that stops or restarts one starts its own `Postgres`."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._numbers = itertools.count(1)

    @property
    def url(self) -> str:
        """The maintenance database, for looking at the server from outside a test's own database."""
        return self._postgres.url

    def new_database(self, template: str | None = None) -> str:
        """Create a database, empty or as a copy of the named one (to which nobody may be connected); return its URL."""
        name = f"test_{next(self._numbers)}"
        copied = f" template {identifier(template)}" if template else ""
        with closing(plain_connection(self.url)) as connection:
            connection.run(f"create database {name}{copied}")
        return _with_database(self.url, name)


@cache
def shared_postgres() -> PostgresServer:
    """Return the server of this process, started by the first who asks and stopped when the process ends."""
    folder = own_folder()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    postgres = Postgres(Path(folder, "postgres"), durable=False)
    atexit.register(postgres.stop)
    postgres.start()
    return PostgresServer(postgres)


def plain_connection(url: str) -> Connection:
    """Connect with the plain driver in autocommit, ten seconds for every wait."""
    parsed = make_url(url)
    return Connection(
        str(parsed.username),
        parsed.host,
        parsed.database,
        parsed.port,
        parsed.password,
        ssl_context=False,
        timeout=10,
    )


def database_of(url: str) -> str:
    """Return the database's name, as `new_database` takes it for a template."""
    return str(make_url(url).database)


def at_port(url: str, port: int) -> str:
    """Return the same URL with another port: a proxy's."""
    return _text(make_url(url).set(port=port))


def _with_database(url: str, name: str) -> str:
    return _text(make_url(url).set(database=name))


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)
