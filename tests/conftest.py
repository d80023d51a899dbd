"""What every test may ask for: a database at the newest schema, the gateway's stand-in, the whole system."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra import migrations
from infra.phonepe.client import PhonePe
from infra.phonepe.wire import Signer
from infra.postgres.engine import PostgresDatabase
from shared.kit.settings import Keys
from tests.broken import broken
from tests.make import Make
from tests.phonepe_server import PhonePeServer
from tests.postgres_server import database_of, shared_postgres
from tests.system import System, start_system

SALTS = {"1": "test-salt"}


@pytest.fixture(scope="session")
def template() -> str:
    """The name of a migrated, empty database that others are copied from."""
    url = shared_postgres().new_database()
    migrations.upgrade(url)
    return database_of(url)


@pytest.fixture
def database_url(template: str) -> str:
    return shared_postgres().new_database(template)


@pytest.fixture
def db(database_url: str, now: datetime, request: pytest.FixtureRequest) -> Iterator[PostgresDatabase]:
    """A database of the test's own; what was booked in it must hold together when the test ends."""
    database = PostgresDatabase(database_url)
    try:
        yield database
        if not request.node.get_closest_marker("breaks_invariants"):
            assert broken(database, now) == []
    finally:
        database.dispose()


@pytest.fixture
def now() -> datetime:
    """A Friday morning in Mumbai (10:30), to the microsecond as Postgres keeps it."""
    return datetime(2026, 11, 20, 5, 0, tzinfo=UTC)


@pytest.fixture
def make(db: PostgresDatabase, now: datetime) -> Make:
    return Make(db, now)


@pytest.fixture
def phonepe(tmp_path: Path) -> Iterator[PhonePeServer]:
    with PhonePeServer(tmp_path / "phonepe", salts=SALTS, refund_seconds=0) as server:
        yield server


@pytest.fixture
def gateway(phonepe: PhonePeServer) -> PhonePe:
    """The real client, speaking to the stand-in; its callbacks go nowhere, so that a test decides what is signalled."""
    return PhonePe(phonepe.url, "TESTMERCHANT", Signer(Keys(SALTS)), "http://127.0.0.1:9/callback")


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The whole system as `make dev` starts it, on ports of its own, shared by the tests of one worker.

    When they have ended, all that was booked in it must hold together.
    """
    with start_system(tmp_path_factory.mktemp("system")) as running:
        yield running
        assert running.broken() == []


@pytest.fixture(autouse=True)
def _excused(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a test breaks on purpose in the system it shares is not held against the others."""
    yield
    if request.node.get_closest_marker("breaks_invariants") and "system" in request.fixturenames:
        running: System = request.getfixturevalue("system")
        running.excused |= {(breach.invariant, breach.subject_id) for breach in running.broken()}
