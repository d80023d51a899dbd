"""Every command of the README, run verbatim in a copy of the tree; only the port differs."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests

from infra.local.processes import ReservedPort
from shared.kit.settings import Settings
from tests.local.test_dev import ended, family
from tests.system import System, eventually

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
LEFT_BEHIND = shutil.ignore_patterns(".*_cache", ".git", ".hypothesis", ".venv", ".env", "__pycache__", "var")


def block(words: str) -> str:
    """Return the one code block that contains this text."""
    [found] = [each for each in BLOCKS if words in each]
    return found


def needs(*tools: str) -> pytest.MarkDecorator:
    missing = [tool for tool in tools if shutil.which(tool) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not found: {', '.join(missing)}")


pytestmark = needs("make", "bash")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the working tree; its `.venv` links to this environment, so that nothing is installed."""
    copy = tmp_path_factory.mktemp("readme") / "tree"
    shutil.copytree(ROOT, copy, ignore=LEFT_BEHIND)
    (copy / ".venv").mkdir()
    for each in Path(sys.prefix).iterdir():
        if each.name != ".installed":
            (copy / ".venv" / each.name).symlink_to(each)
    (copy / ".venv" / ".installed").touch()
    return copy


def environment() -> dict[str, str]:
    """Return a plain shell's environment, without our settings and without `make`'s variables."""
    named = {*Settings.names(), "makeflags", "makelevel", "mflags", "port", "reset", "args", "email", "for"}
    return {name: value for name, value in os.environ.items() if name.lower() not in named}


def shell(tree: Path, script: str) -> str:
    """Run a script, each line of which must succeed; return its output."""
    command = ["bash", "-euo", "pipefail", "-c", script]
    ran = subprocess.run(command, cwd=tree, env=environment(), capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@contextmanager
def left_running(tree: Path, script: str, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a script in a process group of its own, as a terminal does; kill the group at the end."""
    with log.open("wb") as output:
        started = subprocess.Popen(
            ["bash", "-euc", script], cwd=tree, env=environment(), stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield started
    finally:
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.wait(10)


@pytest.fixture(scope="module")
def free() -> Iterator[Callable[[], int]]:
    """Return unused ports."""
    reserved: list[ReservedPort] = []

    def one() -> int:
        reserved.append(ReservedPort())
        return reserved[-1].number

    yield one
    for port in reserved:
        port.close()


@pytest.fixture(scope="module")
def system(tree: Path, free: Callable[[], int]) -> Iterator[System]:
    """The system `make dev` starts with both settings over an earlier run's data; Ctrl-C ends it."""
    port = free()
    data, log = tree / "var" / str(port), tree.parent / "dev.log"
    data.mkdir(parents=True)
    (data / "left behind").touch()
    with left_running(tree, f"make dev PORT={port} RESET=1", log) as process:
        running = System(f"http://127.0.0.1:{port}", data, process)
        eventually(lambda: "is ready" in log.read_text() or process.poll() is not None, 90)
        assert process.poll() is None, log.read_text()
        yield running
        everybody = family(running)
        os.killpg(process.pid, signal.SIGINT)
        process.wait(20)
        assert eventually(lambda: ended(everybody))
        assert "killed" not in log.read_text()
        running.http.close()


def test_every_command_is_run_by_a_test_of_this_file():
    """Fails when the README shows a command that nothing here runs: add its test, then its name."""
    assert [each.splitlines()[0] for each in BLOCKS] == [
        "make dev",
        "make check",
        "API=http://127.0.0.1:8080/api/v1",
        "set -a; . ./.env; set +a",
    ]
    assert set(re.findall(r"`(make [^`]+)`", README)) == {
        "make dev",
        "make dev PORT=9080",
        "make dev RESET=1",
        "make check",
        "make admin EMAIL=you@example.com",
        "make help",
        "make demo",
        "make imports",
        "make openapi",
        "make bundles",
    }


def test_make_dev_starts_on_the_port_asked_for_anew_and_prints_addresses_and_accounts(system: System, tree: Path):
    """Fails when RESET=1 keeps what an earlier run has left."""
    output = (tree.parent / "dev.log").read_text()
    for shown in (f"{system.url}/api/v1", f"{system.url}/_local/mail", "asha@sizzle.example", "Ctrl-C"):
        assert shown in output
    assert not (system.data / "left behind").exists()
    assert requests.get(f"{system.url}/api/v1/openapi.json", timeout=10).json()["openapi"].startswith("3.1")


def test_the_accounts_of_the_readme_are_those_that_are_loaded(system: System):
    accounts = set(requests.get(f"{system.url}/_local/system", timeout=10).json()["accounts"].values())
    assert accounts == set(re.findall(r"`(\w+@sizzle\.example)`", README))


def test_make_demo_plays_a_booking_to_completion_and_one_paid_too_late(system: System, tree: Path):
    output = shell(tree, f"make demo PORT={system.url.rpartition(':')[2]}")
    for step in ("signs in", "has arrived: booking confirmed", "booking completed", "refund done"):
        assert step in output


@needs("curl", "jq")
def test_the_journey_in_curl_ends_with_a_confirmed_booking(system: System, tree: Path):
    """Fails when the block reads a field by a name that the API does not use."""
    journey = block("# 1. Sign in").replace("http://127.0.0.1:8080", system.url)
    output = shell(tree, journey)
    assert '"payment_status":"success"' in output.replace(": ", ":")
    assert '"status": "confirmed"' in output
    assert '"chef_name": "' in output


def test_one_function_alone_answers_its_public_paths_and_health(system: System, tree: Path, free: Callable[[], int]):
    """Fails when the block names a function or a variable that is not there."""
    port = free()
    script = block("functions-framework").replace("8090", str(port))
    guest = system.sign_in()
    headers = {"Authorization": f"Bearer {guest.tokens['access_token']}"}
    with left_running(tree, script, tree.parent / "alone.log") as process:

        def status_of(path: str) -> int:
            with suppress(requests.ConnectionError):
                return requests.get(f"http://127.0.0.1:{port}{path}", headers=headers, timeout=10).status_code
            return 0

        assert eventually(lambda: status_of("/health") == 200, 30)
        assert status_of("/api/v1/customer/profile") == 200
        assert status_of("/api/v1/chef/profile") == 404
        process.terminate()
        assert process.wait(15) == 0


def test_make_admin_makes_one_who_can_sign_in_and_says_whom_it_refuses(system: System, tree: Path):
    load = block("functions-framework").splitlines()[0]
    assert "you@example.com is an admin now" in shell(tree, f"{load}\nmake admin EMAIL=you@example.com")
    assert system.sign_in("you@example.com").get("/admin/stats").status_code == 200
    for email, message in (
        ("asha@sizzle.example", "chef"),
        ("nonsense", "make admin EMAIL="),
        ("", "make admin EMAIL="),
    ):
        with pytest.raises(AssertionError, match=message):
            shell(tree, f"{load}\nmake admin EMAIL={email}")


def test_make_help_shows_the_commands(tree: Path):
    shown = set(re.findall(r"^  make ([a-z]+)", shell(tree, "make help"), re.MULTILINE))
    assert shown >= {"dev", "demo", "admin", "check", "imports", "openapi", "test", "clean"}


def test_make_check_is_format_lint_types_contracts_document_and_all_tests(tree: Path):
    """Fails when a step is taken out; run for real it would run itself."""
    steps = shell(tree, "make --dry-run check").splitlines()
    expected = ("ruff format --check", "ruff check", "mypy", "lint-imports", "functions.web.openapi --check", "pytest")
    assert len(steps) == len(expected)
    for step, command in zip(steps, expected, strict=True):
        assert command in step


def test_make_imports_checks_the_arrows(tree: Path):
    assert "0 broken" in shell(tree, "make imports")


def test_make_bundles_builds_one_archive_per_function(tree: Path):
    shell(tree, "make bundles")
    built = {path.stem for path in (tree / "var/bundles").glob("*.zip")}
    assert built == {path.parent.name for path in (ROOT / "functions").glob("*/__init__.py")} - {"web"}


def test_make_openapi_writes_the_document_from_the_code(tree: Path):
    parts = {path: path.read_bytes() for path in (tree / "functions" / "docs" / "openapi").glob("*.json")}
    for path in parts:
        path.unlink()
    shell(tree, "make openapi")
    assert {path: path.read_bytes() for path in parts} == parts
