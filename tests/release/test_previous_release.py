"""Expand, then contract: the release before this one works on the schema this one makes.

So a database is migrated before the traffic moves, and code can be taken back without its schema. The release before is
the newest tag; before there is one, the newest commit that did not know the newest migration.

No release was cut yet. The first makes its schema by the steps up to `FIRST`, and has none before it; from it on a step is
added and never changed, and the tests below are skipped no more.
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
    """Return what git says; nothing where there is no such commit, no history or no git."""
    try:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return b""


def commit_of(name: str) -> str | None:
    return git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").decode().strip() or None


def steps(tree: Path) -> dict[str, bytes]:
    """Return the steps of a tree, by their files' names."""
    return {path.name: path.read_bytes() for path in (tree / STEPS).glob("[0-9]*.py")}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree of the release before."""
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
    """Where its system runs, on a database at this release's schema."""
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


def test_the_release_before_plays_its_own_journey_on_the_schema_of_this_one(release: Path, port: int):
    """Fails when a migration drops, renames or narrows what that code reads or writes, or asks for what it does not say."""
    command = [sys.executable, "-m", "infra.local.journey", "--port", str(port)]
    played = subprocess.run(command, cwd=release, capture_output=True, text=True, timeout=120, check=False)
    assert played.returncode == 0, played.stdout + played.stderr


def test_each_step_of_the_release_before_is_here_as_it_was(release: Path):
    """Fails when a step is changed that databases have taken: what it makes now, they would never have."""
    then = steps(release)
    assert then
    assert {name: step for name, step in steps(ROOT).items() if name in then} == then
