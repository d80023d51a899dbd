"""Each bundle boots alone: its own folder, its own requirements, a clean environment, the server of production."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from infra.local.processes import Process, ReservedPort, healthy, stop, wait_ready
from shared.kit.settings import Keys
from shared.sign_in import sessions
from shared.sign_in.sessions import Lifetimes
from shared.sign_in.tokens import AccessTokens
from tests.architecture.probe import SECRETS, placeholders
from tests.bundles.conftest import ROOT
from tests.bundles.pythons import VERSIONS, clean

ALONE = Path(__file__).with_name("alone.py")
LIVES = Lifetimes(timedelta(days=30), timedelta(hours=12), timedelta(seconds=10))
# A server that shuts down waits two seconds for requests on open connections.
CLOSE = {"Connection": "close"}
REQUESTS = {
    "auth": ("POST", "/api/v1/auth/send-otp", 422, "invalid"),
    "customer": ("GET", "/api/v1/customer/bookings", 401, "invalid_token"),
    "chef": ("GET", "/api/v1/chef/bookings", 401, "invalid_token"),
    "admin": ("GET", "/api/v1/admin/stats", 401, "invalid_token"),
    "payments": ("POST", "/api/v1/payments/initiate", 401, "invalid_token"),
    "callback": ("POST", "/api/v1/payments/callback", 401, "invalid_signature"),
    "docs": ("GET", "/api/v1/openapi.json", 200, None),
    "tasks": ("POST", f"/outbox/{uuid4()}", 401, "unknown_invoker"),
    "schedule": ("POST", "/jobs/sweep", 401, "unknown_invoker"),
    "migrate": ("POST", "/migrations/upgrade", 401, "unknown_invoker"),
}


@pytest.fixture(scope="module", params=VERSIONS)
def python(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(clean(request.param, tmp_path_factory.mktemp("venv"), ROOT / "requirements.txt"))


@contextmanager
def served(python: str, folder: Path, log: Path, **environ: str) -> Iterator[str]:
    """Serve a bundle with only its own settings in the environment; yield its URL."""
    port = ReservedPort()
    url = f"http://127.0.0.1:{port.number}"
    command = [python, "-I", str(ALONE), str(folder), "serve", folder.name, str(port.number)]
    process = Process(folder.name, command, log, placeholders() | environ, healthy(url), folder)
    try:
        process.start()
        wait_ready([process], 60)
        yield url
    finally:
        stop([process])
        port.close()


@pytest.mark.parametrize("name", REQUESTS)
def test_a_bundle_boots_alone_and_answers(python: str, unpacked: dict[str, Path], tmp_path: Path, name: str):
    """Fails when a module, a file or a library is not in the bundle: nothing else can be imported there."""
    method, path, status, code = REQUESTS[name]
    with served(python, unpacked[name], tmp_path / "log") as url:
        assert requests.get(f"{url}/health", headers=CLOSE, timeout=10).json() == {"status": "ok"}
        answer = requests.request(method, url + path, headers=CLOSE, timeout=10)
        assert (answer.status_code, answer.json().get("code")) == (status, code)


def test_every_function_is_booted(unpacked: dict[str, Path]):
    assert set(REQUESTS) == set(unpacked)


@pytest.mark.parametrize("name", REQUESTS)
def test_everything_in_a_bundle_can_be_imported_there(unpacked: dict[str, Path], name: str):
    command = [sys.executable, "-I", str(ALONE), str(unpacked[name]), "imports"]
    ran = subprocess.run(command, env=placeholders(), capture_output=True, text=True, check=False, cwd=unpacked[name])
    assert ran.returncode == 0, ran.stderr


def test_a_library_that_is_not_required_cannot_be_imported_in_these_tests(unpacked: dict[str, Path], tmp_path: Path):
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "main.py").write_text("import alembic\n")
    (folder / "requirements.txt").write_text((unpacked["docs"] / "requirements.txt").read_text())
    command = [sys.executable, "-I", str(ALONE), str(folder), "imports"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "alembic is not in the bundle's requirements.txt" in ran.stderr


def test_a_bundle_reads_through_postgres(python: str, unpacked, tmp_path, db, database_url):
    now = datetime.now(UTC)
    with db.transaction() as session:
        person = sessions.begin(session, "meera@test.example", LIVES, now)
    tokens = AccessTokens(Keys.parse(SECRETS["JWT_KEYS"]), "bookings", "bookings-api", 600)
    token = tokens.issue(person.user_id, person.session_id, "customer", now)
    with served(python, unpacked["customer"], tmp_path / "log", DATABASE_URL=database_url) as url:
        sent = CLOSE | {"Authorization": f"Bearer {token}"}
        answer = requests.get(f"{url}/api/v1/customer/profile", headers=sent, timeout=10)
        assert (answer.status_code, answer.json().get("email")) == (200, "meera@test.example")
