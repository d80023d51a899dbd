"""The repository's layout: names, folders and the list of functions agree."""

import importlib
import re
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from infra.local.functions import functions
from shared.kit.settings import Settings
from tests.framework import placeholder_settings

ROOT = Path(__file__).parents[2]
TOP = {"functions", "shared", "infra", "tests", "terraform", "docs"}
FILES = {
    "LICENSE",
    "main.py",
    "requirements.txt",
    "requirements-cloud-sql.txt",
    "requirements-dev.txt",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "cloudbuild.yaml",
    "Makefile",
    "pyproject.toml",
}
EMPTY_NAMES = re.compile(r"(^|/)(utils?|helpers?|services?|manager|common|misc)(\.py|/)")


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.split()


def test_the_root_holds_the_rooms_and_tool_files_only():
    tops = {path.split("/")[0] for path in tracked()}
    assert {top for top in tops if not top.startswith(".")} <= TOP | FILES


def test_every_listed_function_is_a_folder_and_every_folder_is_listed():
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/__init__.py")}
    assert {one.name for one in functions(ROOT / "terraform/functions.yaml")} == folders - {"web"}


@pytest.fixture(autouse=True)
def _settings():
    with placeholder_settings():
        yield


def test_every_endpoint_lies_under_a_path_its_function_is_sent():
    for one in functions(ROOT / "terraform/functions.yaml"):
        target = getattr(importlib.import_module(f"functions.{one.name}"), one.name)
        for endpoint in target.app.endpoints():
            path = endpoint.path.replace("{", "").replace("}", "")
            sent = any(path.startswith(rule[:-1]) if rule.endswith("*") else path == rule for rule in one.paths)
            assert sent or one.ingress == "internal" or path == "/health", endpoint.path


def test_internal_functions_have_no_public_path_and_public_ones_have():
    for one in functions(ROOT / "terraform/functions.yaml"):
        assert bool(one.paths) == (one.ingress == "public"), one.name


def test_the_scheduled_jobs_of_the_list_are_those_of_the_code():
    from functions.schedule.jobs import JOBS, job

    listed = yaml.safe_load((ROOT / "terraform/functions.yaml").read_text())
    assert set(listed["jobs"]) == set(JOBS)
    assert all(callable(job(name)) for name in JOBS)


def test_every_kind_of_message_has_a_handler_and_a_queue_that_exists():
    from functions.tasks.handlers import HANDLERS, handler
    from shared.outbox.dispatch import queue_of

    queues = yaml.safe_load((ROOT / "terraform/functions.yaml").read_text())["queues"]
    for kind in HANDLERS:
        assert callable(handler(kind))
        assert queue_of(kind) in queues
    written = "".join(path.read_text() for path in (ROOT / "shared").rglob("*.py"))
    written += "".join(path.read_text() for path in (ROOT / "functions/callback").rglob("*.py"))
    lines = "|".join(path.parent.name for path in (ROOT / "shared/lines").glob("*/line.py"))
    kinds = set(re.findall(rf'"((?:payments|notifications|{lines})\.(?!id\b)[a-z_]+)"', written))
    assert kinds == set(HANDLERS)


def test_every_line_of_business_is_found_by_its_name():
    from functions.wiring import line, line_names
    from shared.bookings.line import Line

    for name in line_names():
        assert isinstance(line(name), Line)
        assert line(name).name == name


def test_every_setting_is_documented_with_its_default():
    documented = dict(re.findall(r"^([A-Z_]+)=([^#\n]*)", (ROOT / ".env.example").read_text(), re.MULTILINE))
    known = {item.name.upper(): item.default for item in fields(Settings)}
    assert set(documented) == set(known)
    for name, default in known.items():
        shown = "" if default is None else ",".join(default) if isinstance(default, tuple) else str(default)
        assert documented[name].strip() == shown, name


def test_no_room_is_called_what_says_nothing():
    assert [path for path in tracked() if EMPTY_NAMES.search(path)] == []


@pytest.mark.parametrize("word", ["TODO", "FIXME", "NotImplementedError"])
def test_nothing_is_left_half_done(word):
    code = [path for path in tracked() if path.endswith(".py") and not path.startswith("tests/")]
    assert [path for path in code if word in (ROOT / path).read_text()] == []


def test_every_requirement_is_pinned():
    for name in ("requirements.txt", "requirements-cloud-sql.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text().splitlines():
            stated = line.split("#")[0].strip()
            assert not stated or stated.startswith("-r ") or re.fullmatch(r"[A-Za-z0-9._-]+==[^\s]+", stated), line
