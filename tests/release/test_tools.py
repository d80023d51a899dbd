"""The pipeline's tools against the whole system: migration by a task, and checks of deployed functions from outside."""

import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from infra.local.functions import functions
from infra.release import smoke
from infra.release.migrate import Migration, NotMigrated
from shared.kit.settings import Settings
from tests.system import System

ROOT = Path(__file__).parents[2]


def tool(name: str, argument: str, env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", f"infra.release.{name}", argument]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)


def wanted(system: System, **other: str) -> dict[str, str]:
    """Return Terraform's outputs for the local system; any queue of functions.yaml will do."""
    target = system.env["MIGRATE_URL"]
    outputs = {"url": f"{target}/migrations/upgrade", "target": target, "account": system.env["MIGRATE_INVOKER"]}
    return {"queue": "mails", **outputs, **other}


def test_database_is_migrated_by_an_awaited_task(system: System, tmp_path: Path):
    (tmp_path / "migration.json").write_text(json.dumps(wanted(system)))
    before = system.logs()["migrate"].count("/migrations/upgrade")
    ran = tool("migrate", str(tmp_path / "migration.json"), system.env)
    assert (ran.returncode, ran.stdout) == (0, "The database has this release's schema.\n"), ran.stderr
    assert system.logs()["migrate"].count("/migrations/upgrade") > before


def test_refused_migration_stops_release(system: System):
    refused = Migration(Settings.read(system.env), wanted(system, account="somebody@local.iam.gserviceaccount.com"))
    with pytest.raises(NotMigrated, match="3 responses"):
        refused.run(patience=30, every=0.1)


def test_unanswered_migration_stops_release_and_is_deleted(system: System):
    refused = Migration(Settings.read(system.env), wanted(system, account="somebody@local.iam.gserviceaccount.com"))
    with pytest.raises(NotMigrated, match="without a success"):
        refused.run(patience=0, every=0.1)
    assert refused._ask("GET") is None


def test_missing_queue_stops_release(system: System):
    with pytest.raises(NotMigrated, match="404"):
        Migration(Settings.read(system.env), wanted(system, queue="nowhere")).run()


def test_deployed_functions_answer_at_both_addresses(system: System, tmp_path: Path):
    (tmp_path / "urls.json").write_text(json.dumps(system.urls))
    for where in (system.url, str(tmp_path / "urls.json")):
        ran = tool("smoke", where, {})
        assert (ran.returncode, ran.stdout) == (0, "7 groups respond as expected.\n"), ran.stderr


def test_every_public_function_is_called():
    public = {one.name for one in functions(ROOT / "terraform/functions.yaml") if one.ingress == "public"}
    assert {check.group for check in smoke.CHECKS} == public


def test_other_releases_document_is_detected(system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Fails when a deployment that changed nothing is accepted."""
    changed = json.loads((smoke.PARTS / "core.json").read_text())
    changed["paths"]["/api/v1/auth/send-otp"]["post"]["summary"] = "Another"
    (tmp_path / "core.json").write_text(json.dumps(changed))
    monkeypatch.setattr(smoke, "PARTS", tmp_path)
    [wrong] = smoke.smoke(smoke.addresses(system.url), pause=0)
    assert wrong.endswith("/api/v1/openapi.json: the document of another release")


class _AnswersOk(BaseHTTPRequestHandler):
    """A server that answers 200 to everything, like a parked domain or a wrong backend."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def elsewhere() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _AnswersOk)
    Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_stopped_function_is_detected_behind_other_answers(elsewhere: str):
    wrong = smoke.smoke(smoke.addresses(elsewhere), pause=0)
    assert len(wrong) == len(smoke.CHECKS)


def test_group_without_answers_is_detected(system: System):
    [wrong] = smoke.smoke(smoke.addresses(system.url) | {"chef": "http://127.0.0.1:9"}, pause=0)
    assert wrong == "GET http://127.0.0.1:9/api/v1/chef/bookings: ConnectionError"
