"""Expand, then contract: the previous release works on this release's schema.

A database can therefore be migrated before traffic moves, and code can be rolled back without its schema. The previous
release is the newest tag, or without tags the newest commit without the newest migration. Before the first release
there is none: steps up to `FIRST` may change and these tests are skipped. Later steps are only added, never changed.
"""

import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from infra import migrations
from infra.local.processes import Process, ReservedPort, healthy, stop, wait_ready
from shared.kit.settings import Settings
from tests.postgres_server import shared_postgres

ROOT = Path(__file__).parents[2]
STEPS = "infra/migrations/versions"
FIRST = "0003"  # the last step of the first release


def git(*arguments: str) -> bytes:
    """Return git's output, or None without such a commit, history or git."""
    try:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return b""


def commit_of(name: str) -> str | None:
    return git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").decode().strip() or None


def steps(tree: Path) -> dict[str, bytes]:
    """Return the migration steps of a tree, by file name."""
    return {path.name: path.read_bytes() for path in (tree / STEPS).glob("[0-9]*.py")}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Yield the previous release's tree."""
    tag = git("describe", "--tags", "--abbrev=0", "--match", "v*", "HEAD^").decode().strip()
    later = [f"{STEPS}/{name}" for name in steps(ROOT) if name.partition("_")[0] > FIRST]
    if not tag and not later:
        pytest.skip("no release was cut yet: the first has none before it")
    added = ("--first-parent", "--diff-merges=first-parent", "--diff-filter=A", "--format=%H")
    newest_step = git("log", "-1", "--no-patch", *added, "--", *later).decode().strip()
    commit = commit_of(tag or (f"{newest_step}^" if newest_step else "HEAD"))
    if commit is None:
        pytest.skip("the history that holds the release before is not here")
    folder = tmp_path_factory.mktemp("previous")
    with tarfile.open(fileobj=BytesIO(git("archive", commit))) as packed:
        packed.extractall(folder, filter="data")
    return folder


@pytest.fixture
def port(release: Path, tmp_path: Path) -> Iterator[int]:
    """Yield the port of the previous release's system, on a database with this release's schema."""
    reserved = ReservedPort()
    url = shared_postgres().new_database()
    migrations.upgrade(url)
    inherited = {name: value for name, value in os.environ.items() if name.lower() not in Settings.names()}
    starter = str(Path(__file__).with_name("previous.py"))
    command = [sys.executable, starter, "--port", str(reserved.number), "--no-dotenv"]
    is_ready = healthy(f"http://127.0.0.1:{reserved.number}")
    process = Process("previous", command, tmp_path / "log", inherited | {"DATABASE_URL": url}, is_ready, release)
    try:
        process.start()
        wait_ready([process], 90)
        yield reserved.number
    finally:
        stop([process], 30)
        reserved.close()


def test_previous_release_passes_on_this_schema(release: Path, port: int):
    """Fails when a migration drops, renames or narrows a column that code uses, or requires a value it does not
    write."""
    command = [sys.executable, "-m", "infra.local.journey", "--port", str(port)]
    played = subprocess.run(command, cwd=release, capture_output=True, text=True, timeout=120, check=False)
    assert played.returncode == 0, played.stdout + played.stderr


def test_previous_releases_steps_are_unchanged(release: Path):
    """Fails when an applied step is changed: existing databases would never get the change."""
    then = steps(release)
    assert then
    assert {name: step for name, step in steps(ROOT).items() if name in then} == then
