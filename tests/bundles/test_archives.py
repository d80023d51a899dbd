"""A bundle holds what its function may run and nothing else, to the byte the same wherever it is built."""

import json
import os
import re
import shutil
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from infra.local.functions import functions
from infra.release import bundles
from infra.release.closure import BY_PATH
from infra.release.requirements import Unpinned
from tests.bundles.conftest import ROOT

EVERY_LINE = bundles.lines_of_tree(ROOT, ["all"])
LISTED = {one.name: one for one in functions(ROOT / "terraform/functions.yaml", EVERY_LINE)}
SOURCES = ("functions", "infra", "shared", "terraform")
ALL = set(LISTED)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source that a test may change and must restore."""
    copy = tmp_path_factory.mktemp("elsewhere") / "tree"
    for room in SOURCES:
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("main.py", "requirements.txt"):
        shutil.copy(ROOT / name, copy / name)
    return copy


def built(tree: Path) -> dict[str, str]:
    """Build the bundles of a tree; return the hash of each."""
    return {name: each["sha256"] for name, each in bundles.build(tree, Path("var/bundles")).items()}


@pytest.fixture(scope="module")
def before(tree: Path) -> dict[str, str]:
    return built(tree)


def changed(tree: Path, before: dict[str, str], path: str, more: str) -> set[str]:
    """Return the functions whose bundle changes when text is added to a file; the file is restored."""
    file = tree / path
    text = file.read_text()
    file.write_text(text + more)
    try:
        after = built(tree)
    finally:
        file.write_text(text)
    return {name for name in before if before[name] != after[name]}


def names(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as opened:
        return opened.namelist()


def test_the_same_source_makes_the_same_bytes_elsewhere_at_another_time_with_other_modes(tree: Path, archives: Path):
    for path in tree.rglob("*.py"):
        path.chmod(0o755)
        os.utime(path, (1_000_000_000, 1_000_000_000))
    assert built(tree) == {name: sha256((archives / f"{name}.zip").read_bytes()).hexdigest() for name in LISTED}


def test_an_archive_does_not_depend_on_the_order_in_which_files_are_found():
    assert bundles.archive({"a": b"1", "b": b"2"}) == bundles.archive({"b": b"2", "a": b"1"})


def test_the_manifest_names_an_object_by_what_it_holds(archives: Path):
    manifest = json.loads((archives / "manifest.json").read_text())
    assert set(manifest) == ALL
    for name, entry in manifest.items():
        digest = sha256(Path(entry["path"]).read_bytes()).hexdigest()
        assert entry == {"object": f"functions/{name}/{digest}.zip", "path": entry["path"], "sha256": digest}


@pytest.mark.parametrize(
    ("path", "deployed"),
    [
        ("functions/chef/profile.py", {"chef"}),
        ("functions/tasks/notifications.py", {"tasks"}),
        ("functions/wiring.py", ALL),
        ("infra/migrations/versions/0001_core.py", {"migrate"}),
        ("infra/phonepe/v1/client.py", {"payments", "tasks", "schedule"}),
        ("infra/phonepe/v2/client.py", {"payments", "tasks", "schedule"}),
        ("infra/phonepe/v2/wire.py", {"payments", "callback", "tasks", "schedule"}),
        ("infra/email.py", {"auth", "tasks"}),
        ("infra/local/router.py", set()),
        ("infra/admin.py", set()),
        ("functions/web/app.py", ALL),
        ("functions/web/openapi/document.py", set()),
        ("shared/kit/settings.py", ALL),
        ("shared/sign_in/otp.py", {"auth"}),
        ("shared/lines/home_chef/pricing.py", ALL - {"auth", "callback", "docs"}),
    ],
)
def test_a_change_deploys_those_that_use_it(tree: Path, before, path: str, deployed: set[str]):
    """Fails when a bundle ships a folder for one file of it, or misses a file that is imported late."""
    assert changed(tree, before, path, "\n# said more\n") == deployed


def test_a_change_of_the_document_deploys_the_function_that_serves_it(tree: Path, before):
    for part in ("core", "home_chef"):
        assert changed(tree, before, f"functions/docs/openapi/{part}.json", "\n") == {"docs"}


def test_a_comment_in_the_requirements_deploys_nothing(tree: Path, before):
    assert changed(tree, before, "requirements.txt", "# said more\n") == set()


def test_a_library_nobody_has_pinned_is_not_shipped(tree: Path, before):
    with pytest.raises(Unpinned, match="pyyaml"):
        changed(tree, before, "functions/chef/profile.py", "\nimport yaml\n")


def test_a_library_that_is_not_installed_is_not_left_out(tree: Path, before):
    with pytest.raises(Unpinned, match=r"google\.cloud\.nowhere"):
        changed(tree, before, "functions/chef/profile.py", "\nfrom google.cloud.nowhere import Client\n")


def test_of_a_package_that_libraries_share_the_one_that_holds_the_module_is_meant(tree: Path, before):
    with pytest.raises(Unpinned, match=r"google-cloud-tasks(?!.*google-cloud-sql)"):
        changed(tree, before, "functions/chef/profile.py", "\nfrom google.cloud import tasks_v2\n")


def test_a_library_installed_at_another_version_is_not_shipped(tree: Path):
    file = tree / "requirements.txt"
    text = file.read_text()
    file.write_text(re.sub(r"^Flask==\S+", "Flask==0.1", text, flags=re.MULTILINE))
    try:
        with pytest.raises(Unpinned, match="flask"):
            built(tree)
    finally:
        file.write_text(text)


@pytest.mark.parametrize("name", LISTED)
def test_a_bundle_holds_its_own_group_and_no_other(archives: Path, name: str):
    """So that removing any group's folder from the others' bundles breaks nothing: it is not there."""
    groups = {found[1] for each in names(archives / f"{name}.zip") if (found := re.match(r"functions/(\w+)/", each))}
    assert groups == {name, "web"}


@pytest.mark.parametrize("name", LISTED)
def test_a_bundle_holds_the_lines_of_business_it_names_and_no_other(archives: Path, name: str):
    held = names(archives / f"{name}.zip")
    lines = {found[1] for each in held if (found := re.match(r"shared/lines/(\w+)/", each))}
    assert lines == set(LISTED[name].lines)


@pytest.mark.parametrize("name", LISTED)
def test_no_bundle_holds_what_is_not_deployed(archives: Path, name: str):
    not_deployed = re.compile(r"(infra/local/|infra/release/|infra/admin|tests/|terraform/|functions/web/openapi)")
    assert [each for each in names(archives / f"{name}.zip") if not_deployed.match(each)] == []


def test_only_the_bundle_that_migrates_installs_alembic(archives: Path):
    wanted = {}
    for name in LISTED:
        with zipfile.ZipFile(archives / f"{name}.zip") as opened:
            wanted[name] = opened.read("requirements.txt").decode()
    assert {name for name, lines in wanted.items() if "alembic==" in lines} == {"migrate"}
    assert {name for name, lines in wanted.items() if "functions-framework==" in lines} == ALL


CLOUD_SQL = "infra/postgres/cloud_sql.py"


@pytest.mark.skipif(not (ROOT / CLOUD_SQL).exists(), reason="there is no way to Cloud SQL yet")
def test_the_way_to_cloud_sql_is_in_the_bundles_of_an_environment_that_has_it_alone(archives: Path, tmp_path: Path):
    bundles.build(ROOT, tmp_path, "cloud_sql")
    for folder, held in ((archives, False), (tmp_path, True)):
        with zipfile.ZipFile(folder / "customer.zip") as opened:
            assert (CLOUD_SQL in opened.namelist()) is held
            assert ("cloud-sql-python-connector==" in opened.read("requirements.txt").decode()) is held


@pytest.mark.parametrize(
    ("tfvars", "database"), [('database                 = "cloud_sql"\n', "cloud_sql"), ("", "neon")]
)
def test_the_database_is_the_one_the_tfvars_name(tmp_path: Path, tfvars: str, database: str):
    (tmp_path / "some.tfvars").write_text(f'project = "some"\n{tfvars}database_tier = "db-custom-2-8192"\n')
    assert bundles.database_of(tmp_path / "some.tfvars") == database


def test_every_module_that_opens_files_beside_itself_has_said_which(unpacked: dict[str, Path]):
    openers = {
        ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
        for folder in unpacked.values()
        for path in folder.rglob("*.py")
        if "__file__" in path.read_text()
    }
    assert openers == set(BY_PATH)
