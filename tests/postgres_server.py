"""A real Postgres for tests: one server per process (one per xdist worker), and a new database for each test."""

import atexit
import itertools
import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import cache
from pathlib import Path

from pg8000.native import Connection, identifier
from sqlalchemy.engine import URL, make_url

from infra.local.postgres import Postgres
from tests.leftovers import own_folder


class PostgresServer:
    """The shared server's operations for tests; a test that stops or restarts a server starts its own `Postgres`."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._numbers = itertools.count(1)
        self._copier = ThreadPoolExecutor(1)
        self._next: dict[str, Future[str]] = {}

    @property
    def url(self) -> str:
        """Return the URL of the maintenance database, to inspect the server from outside a test's database."""
        return self._postgres.url

    def new_database(self, template: str | None = None) -> str:
        """Create a database, empty or copied from a template without connections; returns its URL.

        The next copy of the template is made while the test runs: a copy takes longer than many a test.
        """
        if template is None:
            return self._create(None)
        ready = self._next.get(template) or self._copier.submit(self._create, template)
        url = ready.result()
        self._next[template] = self._copier.submit(self._create, template)
        return url

    def _create(self, template: str | None) -> str:
        name = f"test_{next(self._numbers)}"
        copied = f" template {identifier(template)}" if template else ""
        with closing(plain_connection(self.url)) as connection:
            connection.run(f"create database {name}{copied}")
        return _with_database(self.url, name)


@cache
def shared_postgres() -> PostgresServer:
    """Return this process's server, started on the first call and stopped when the process ends."""
    folder = own_folder()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    postgres = Postgres(Path(folder, "postgres"), durable=False)
    atexit.register(postgres.stop)
    postgres.start()
    return PostgresServer(postgres)


def plain_connection(url: str) -> Connection:
    """Connect with the plain driver in autocommit, with a timeout of ten seconds."""
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
    """Return the URL's database name, as `new_database` takes it for a template."""
    return str(make_url(url).database)


def at_port(url: str, port: int) -> str:
    """Return the URL with another port, e.g. a proxy's."""
    return _text(make_url(url).set(port=port))


def _with_database(url: str, name: str) -> str:
    return _text(make_url(url).set(database=name))


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)
