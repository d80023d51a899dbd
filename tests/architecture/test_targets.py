"""Cold starts: the modules that importing each target may load, and those it must not."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from infra.local.functions import functions
from infra.release.bundles import lines_of_tree

ROOT = Path(__file__).parents[2]
LISTED = {one.name: one for one in functions(ROOT / "terraform/functions.yaml", lines_of_tree(ROOT, ["all"]))}
# Modules a target loads on top of functions-framework before its first request, and once all its routes were asked for:
# the measured number plus some twenty, so that one of our modules fits and a new library fails.
STARTED = 425
BUDGET = {
    "auth": 435,
    "customer": 540,
    "chef": 535,
    "admin": 565,
    "payments": 465,
    "callback": 435,
    "docs": 375,
    "tasks": 435,
    "schedule": 435,
    "migrate": 425,
}
NEVER = ("grpc", "google", "upstash_redis", "httpx", "jinja2", "pydantic_settings", "hypothesis", "infra.local")


@cache
def probe(target: str) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__).with_name("probe.py")), target]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    return json.loads(ran.stdout.splitlines()[-1])


def loads(target: str, package: str) -> bool:
    return any(name == package or name.startswith(package + ".") for name in probe(target)["loaded"])


@pytest.mark.parametrize("target", LISTED)
def test_importing_a_target_starts_no_thread_and_opens_no_socket(target):
    assert probe(target)["threads"] == 1
    assert probe(target)["sockets"] == []


@pytest.mark.parametrize("target", LISTED)
def test_a_target_loads_its_own_group_and_no_other(target):
    assert [name for name in LISTED if loads(target, f"functions.{name}")] == [target]


@pytest.mark.parametrize("target", LISTED)
def test_a_target_loads_only_the_lines_it_names(target):
    lines = {path.parent.name for path in (ROOT / "shared/lines").glob("*/__init__.py")}
    loaded = {line for line in lines if loads(target, f"shared.lines.{line}")}
    assert loaded <= set(LISTED[target].lines)


@pytest.mark.parametrize("target", LISTED)
def test_a_target_loads_no_client_that_is_not_for_cold_starts(target):
    assert [package for package in NEVER if loads(target, package)] == []


@pytest.mark.parametrize("target", LISTED)
def test_no_code_of_the_package_with_swagger_uis_files_is_loaded(target):
    assert not loads(target, "flask_swagger_ui")


def test_only_the_docs_function_names_the_package_with_swagger_uis_files():
    code = [path for folder in ("functions", "shared", "infra") for path in (ROOT / folder).rglob("*.py")]
    named = {path.relative_to(ROOT).parts[:2] for path in code if "flask_swagger_ui" in path.read_text()}
    assert named == {("functions", "docs"), ("infra", "release")}  # the tool that builds the bundles


@pytest.mark.parametrize("target", LISTED)
def test_no_target_loads_alembic_before_there_is_a_step_to_take(target):
    assert not loads(target, "alembic")


@pytest.mark.parametrize("target", LISTED)
def test_a_target_stays_within_its_budget_of_modules(target):
    assert set(BUDGET) == set(LISTED)
    found = probe(target)
    assert (len(found["started"]) <= STARTED, len(found["loaded"]) <= BUDGET[target]) == (True, True)


@pytest.mark.parametrize("target", ["", "web", "notifications", "wiring", "nothing", "__path__"])
def test_what_is_no_function_is_no_target(target):
    code = f"import main; main.__getattr__({target!r})"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert "AttributeError" in ran.stderr


def test_a_function_that_misses_a_secret_says_which_and_does_not_start():
    ran = subprocess.run(
        [sys.executable, "-c", "import main; main.auth"], capture_output=True, text=True, check=False, cwd=ROOT, env={}
    )
    assert ran.returncode != 0
    assert (
        "missing: DATABASE_URL, JWT_KEYS, OTP_KEYS, REFRESH_KEYS, RESEND_API_KEY_OR_SMTP_URL, UPSTASH_REDIS_REST_TOKEN"
        in ran.stderr
    )
