"""terraform/functions.yaml sets exactly the settings each function's code reads: none is missing, no secret is surplus."""

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from functions import gateways, wiring
from shared.kit.settings import Settings
from tests.framework import placeholder_settings

ROOT = Path(__file__).parents[2]
DEPLOYED: dict[str, Any] = yaml.safe_load((ROOT / "terraform/functions.yaml").read_text())["functions"]
# Settings without a default: exactly those a deployment must set.
WITHOUT_DEFAULT = {item.name for item in fields(Settings) if item.default in (None, ())} - {"cors_origins"}
EITHER = {"resend_api_key_or_smtp_url": {"resend_api_key", "smtp_url"}}
SECRETS = {item.name for item in fields(Settings) if not item.repr or "Keys" in str(item.type)} | {
    "upstash_redis_rest_token"
}


def configured(name: str) -> set[str]:
    return {setting.lower() for setting in (*DEPLOYED[name]["secrets"], *DEPLOYED[name]["environment"])}


def names(node: ast.AST, of: str) -> set[str]:
    """Return the attributes read from a name: each `x` of `of.x` anywhere in the tree."""
    return {
        each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == of
    }


def read_directly(node: ast.AST) -> set[str]:
    """Return the settings a piece of code reads: `chosen.x`, `settings().x`."""
    called = {
        each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Call) and "settings" in ast.dump(each.value)
    }
    return ((names(node, "chosen") | called) & Settings.names()) | {
        each for whole, parts in EITHER.items() if whole in called for each in parts
    }


@cache
def adapters() -> dict[str, ast.stmt]:
    """Return the adapter factories: the functions of `wiring` and `gateways`, and the registries of functions."""
    statements = [
        node for module in (wiring, gateways) for node in ast.parse(Path(module.__file__ or "").read_text()).body
    ]
    made = {node.name: node for node in statements if isinstance(node, ast.FunctionDef)}
    return made | {ast.unparse(node.targets[0]): node for node in statements if isinstance(node, ast.Assign)}


def within(node: ast.AST) -> set[str]:
    """Return the adapters an adapter names; of `GATEWAYS[name].field`, what the entries hold as this field."""
    entries = [each for each in ast.walk(node) if isinstance(each, ast.Attribute) and _is_entry(each)]
    keys = [each.iter for each in ast.walk(node) if isinstance(each, ast.For)]
    known = {id(part) for each in (*entries, *keys) for part in ast.walk(each)}
    fields = [field for field in ast.walk(adapters()["GATEWAYS"]) if isinstance(field, ast.keyword)]
    held = [field.value for field in fields if field.arg in {each.attr for each in entries}]
    named = [each for each in ast.walk(node) if isinstance(each, ast.Name) and id(each) not in known]
    found = {each.id for each in (*named, *held) if isinstance(each, ast.Name)}
    return (found | names(node, "wiring") | names(node, "gateways")) & adapters().keys()


def _is_entry(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Subscript) and ast.unparse(node.value.value) == "GATEWAYS"


def read_by_adapters(used: set[str]) -> set[str]:
    """Return the settings the adapters read, including those of the adapters they are built from."""
    found: set[str] = set()
    left = used & adapters().keys()
    while left:
        name = left.pop()
        found.add(name)
        left |= within(adapters()[name]) - found
    return set().union(*(read_directly(adapters()[name]) for name in found))


def code(name: str) -> Iterator[ast.Module]:
    for path in (ROOT / "functions" / name).glob("*.py"):
        yield ast.parse(path.read_text())


def named_in(tree: ast.Module) -> set[str]:
    return names(tree, "wiring") | names(tree, "gateways")


def read_by(name: str) -> set[str]:
    """Return the settings without a default that a function's own code and its adapters read."""
    group = getattr(importlib.import_module(f"functions.{name}"), name)
    used = set().union(*(named_in(tree) for tree in code(name)))
    if any(endpoint.roles for endpoint in group.app.endpoints()):
        used |= {"access_tokens"}.union(*(named_in(tree) for tree in code("web")))
    read = set().union(*(read_directly(tree) for tree in code(name))) | read_by_adapters(used)
    return read & WITHOUT_DEFAULT


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    with placeholder_settings():
        yield


def required(name: str, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the settings a function requires at start, taken from its own call of `Settings.require`."""
    required_names: set[str] = set()
    monkeypatch.setattr(Settings, "require", lambda _, *names: required_names.update(names))
    importlib.reload(importlib.import_module(f"functions.{name}"))
    return required_names


@pytest.mark.parametrize("name", DEPLOYED)
def test_a_function_is_given_what_it_requires_at_start(name, monkeypatch):
    for setting in required(name, monkeypatch):
        assert EITHER.get(setting, {setting}) <= configured(name), setting


@pytest.mark.parametrize("name", DEPLOYED)
def test_a_function_is_given_every_setting_without_a_default_that_its_code_reads(name):
    assert read_by(name) - configured(name) == set()


@pytest.mark.parametrize("name", DEPLOYED)
def test_a_function_is_lent_no_secret_that_its_code_does_not_read(name):
    lent = {setting.lower() for setting in DEPLOYED[name]["secrets"]}
    assert lent <= SECRETS
    assert lent - read_by(name) == set()


@pytest.mark.parametrize("name", DEPLOYED)
def test_what_is_given_in_plain_is_a_setting_and_no_secret(name):
    plain = {setting.lower() for setting in DEPLOYED[name]["environment"]}
    assert plain <= Settings.names()
    assert plain & SECRETS == set()


@pytest.mark.parametrize("name", DEPLOYED)
def test_functions_that_enqueue_have_url_and_invoker(name):
    where = {"cloud_tasks_location", "tasks_url", "tasks_invoker"}
    assert configured(name) & where in (set(), where) or name == "tasks"


def test_environments_give_the_same_settings_and_production_is_the_stricter():
    tfvars = {name: (ROOT / f"terraform/environments/{name}.tfvars").read_text() for name in ("staging", "production")}
    settings = {name: set(re.findall(r"^  ([A-Z_]+) += \"", text, re.MULTILINE)) for name, text in tfvars.items()}
    assert settings["staging"] == settings["production"]
    assert re.search(r"ACCESS_TOKEN_SECONDS += \"900\"", tfvars["production"])
    assert re.search(r"START_WINDOW_MINUTES += \"60\"", tfvars["production"])


def test_every_alarm_of_the_code_has_an_alert_with_its_runbook_line_and_no_other_has():
    """An alarm is `log.fields(alarm="…")`, a constant of that module, or what `case.open_review` is called with."""
    written = [path.read_text() for room in ("functions", "infra", "shared") for path in (ROOT / room).rglob("*.py")]
    logged = {each for text in written for each in re.findall(r'alarm="(\w+)"', text)}
    logged |= {each for text in written for each in re.findall(r'case\.open_review\("(\w+)"', text)}
    for text in written:
        for constant in re.findall(r"alarm=([A-Z_]+)", text):
            logged |= set(re.findall(rf'^{constant}.*= "(\w+)"', text, re.MULTILINE))
    alarms = yaml.safe_load((ROOT / "terraform/modules/monitoring/alarms.yaml").read_text())
    assert set(alarms) == logged
    assert all(alarm["severity"] in {"CRITICAL", "ERROR", "WARNING"} and alarm["says"] for alarm in alarms.values())


def test_log_lines_that_metrics_count_are_written_as_the_metrics_read_them():
    metrics = (ROOT / "terraform/modules/monitoring/metrics.tf").read_text()
    written = "".join(path.read_text() for room in ("functions", "shared") for path in (ROOT / room).rglob("*.py"))
    for message in re.findall(r"jsonPayload\.message=\\\"([^\\]+)\\\"", metrics):
        assert f'logger.info("{message}"' in written
    for counted in ("oldest_seconds", "state", "job"):
        assert f"jsonPayload.{counted}" in metrics
        assert re.search(rf'\b{counted}[=":]', written)
