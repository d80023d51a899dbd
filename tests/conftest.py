"""Fixtures for every test: a migrated database, the gateway's stand-in, the whole system."""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from inspect import signature
from pathlib import Path

import pytest

from infra import migrations
from infra.phonepe.v1.client import PhonePe as PhonePeV1
from infra.phonepe.v1.wire import Signer
from infra.phonepe.v2.client import PhonePe as PhonePeV2
from infra.phonepe.v2.token import Credentials, Tokens
from infra.postgres.engine import PostgresDatabase
from infra.redis import UpstashRedis
from shared.kit.settings import Keys
from tests.breaches import find_breaches
from tests.leftovers import remove_leftovers
from tests.make import Make
from tests.phonepe_server import CREDENTIALS, PhonePeServer
from tests.postgres_server import database_of, shared_postgres
from tests.system import System, start_system

SALTS = {"1": "test-salt"}
# The slowest tests run first: started last, one would keep a single worker busy while the other idles.
LONGEST = (
    "tests/terraform/",
    "tests/http/test_schemathesis.py",
    "tests/kill/",
    "tests/stateful/",
    "tests/bundles/",
    "tests/races/",
    "tests/local/test_dev.py",
    "tests/e2e/",
    "tests/docs/",
    "tests/browser/",
)


def pytest_sessionstart(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):  # once per run, not per worker
        remove_leftovers(Path(tempfile.gettempdir()))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        return next((n for n, path in enumerate(LONGEST) if item.nodeid.startswith(path)), len(LONGEST))

    items.sort(key=rank)


@pytest.fixture(scope="session")
def template() -> str:
    """Return the name of a migrated, empty database that tests copy."""
    url = shared_postgres().new_database()
    migrations.upgrade(url)
    return database_of(url)


@pytest.fixture
def database_url(template: str) -> str:
    return shared_postgres().new_database(template)


@pytest.fixture
def db(database_url: str, now: datetime, request: pytest.FixtureRequest) -> Iterator[PostgresDatabase]:
    """Yield the test's own database; at the end of the test its bookings must satisfy every invariant."""
    database = PostgresDatabase(database_url)
    try:
        yield database
        if not request.node.get_closest_marker("breaks_invariants"):
            assert find_breaches(database, now) == []
    finally:
        database.dispose()


@pytest.fixture
def now() -> datetime:
    """Return a Friday morning in Mumbai (10:30), in UTC with Postgres' microseconds."""
    return datetime(2026, 11, 20, 5, 0, tzinfo=UTC)


@pytest.fixture
def make(db: PostgresDatabase, now: datetime) -> Make:
    return Make(db, now)


@pytest.fixture
def phonepe(tmp_path: Path) -> Iterator[PhonePeServer]:
    with PhonePeServer(tmp_path / "phonepe", salts=SALTS, refund_seconds=0) as server:
        yield server


@pytest.fixture
def gateway(request: pytest.FixtureRequest, phonepe: PhonePeServer) -> Iterator[PhonePeV1 | PhonePeV2]:
    """Yield the real client of the stand-in; callbacks go nowhere, so the test decides which signals arrive."""
    if getattr(request, "param", "v1") == "v1":
        yield PhonePeV1(phonepe.url, "TESTMERCHANT", Signer(Keys(SALTS)), "http://127.0.0.1:9/callback")
        return
    with closing(UpstashRedis("http://127.0.0.1:9", "nobody is there")) as store:
        tokens = Tokens(phonepe.url, Credentials(*CREDENTIALS), store)
        yield PhonePeV2(phonepe.url, "TESTMERCHANT", tokens)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize tests that use `gateway` and `phonepe` over the versions in their module's `GATEWAYS`."""
    versions = getattr(metafunc.module, "GATEWAYS", None)
    if versions and "gateway" in metafunc.fixturenames and "phonepe" in signature(metafunc.function).parameters:
        metafunc.parametrize("gateway", versions, indirect=True)


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Yield the whole system as `make dev` starts it, on its own ports, shared by one worker's tests.

    At the end every booking in it must satisfy every invariant.
    """
    with start_system(tmp_path_factory.mktemp("system")) as running:
        yield running
        assert running.find_breaches() == []


@pytest.fixture(autouse=True)
def _excused(request: pytest.FixtureRequest) -> Iterator[None]:
    """Excuse the invariants a test breaks on purpose in the shared system."""
    yield
    if request.node.get_closest_marker("breaks_invariants") and "system" in request.fixturenames:
        running: System = request.getfixturevalue("system")
        running.excused |= {(breach.invariant, breach.subject_id) for breach in running.find_breaches()}
