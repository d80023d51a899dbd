"""The OpenAPI document matches the code, and its parts are consistent with each other."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from shared.bookings.lifecycle import Acceptance, PaymentStatus, Status
from tests.api_document import DOCUMENT, PARTS
from tests.architecture.probe import placeholders

ROOT = Path(__file__).parents[2]
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
BODIES = {
    name: operation["requestBody"]["content"]["application/json"]
    for name, operation in OPERATIONS.items()
    if "requestBody" in operation
}
PAGES = ("/health", "/api/v1/docs", "/api/v1/docs/{name}")  # for the platform and for people, not for clients
BY_HAND = ("POST /api/v1/payments/callback", "POST /api/v1/payments/callback/phonepe")
# Every keyword a schema of ours may use: a generator that cannot say a bound in these makes up a word of its own.
WORDS = {
    *(
        "$ref",
        "additionalProperties",
        "anyOf",
        "const",
        "contentEncoding",
        "default",
        "description",
        "enum",
        "examples",
    ),
    *("format", "items", "maxItems", "maximum", "maxLength", "minimum", "minItems", "minLength", "oneOf", "pattern"),
    *("properties", "required", "type", "exclusiveMaximum", "exclusiveMinimum", "uniqueItems"),
}

# Reads the running applications' routes, not the declarations the document is generated from.
LOOK = """
import importlib, json, sys
targets = {name: getattr(importlib.import_module(f"functions.{name}"), name) for name in sys.argv[1:]}
endpoints = [endpoint for target in targets.values() for endpoint in target.app.endpoints()]
print(json.dumps({
    "rules": {name: [(method, route.pattern) for route in target.app.table.routes for method in route.modules]
              for name, target in targets.items()},
    "roles": {f"{item.method} {item.path}": item.role for item in endpoints},
    "idempotent": [f"{item.method} {item.path}" for item in endpoints if item.idempotent],
    "refusals": sorted({(kind.code, kind.status, kind.title) for item in endpoints for kind in item.refuses}),
    "modules": sorted(sys.modules),
}))
"""


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Python with placeholder settings only: those functions require to load."""
    env = os.environ | placeholders()
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def functions() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "terraform" / "functions.yaml").read_text())["functions"]


@pytest.fixture(scope="module")
def code(functions: dict[str, Any]) -> dict[str, Any]:
    """The endpoints the functions declare, read in a process of its own."""
    looked = run("-c", LOOK, *functions)
    assert looked.returncode == 0, looked.stderr
    return json.loads(looked.stdout.splitlines()[-1])  # behind what is logged while loading


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        part = list(part.values())
    for item in part if isinstance(part, list) else []:
        yield from references(item)


def resolved(reference: str) -> Any:
    found = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def reachable(part: Any) -> dict[str, Any]:
    """Return every component reachable from here by `$ref`, directly or indirectly."""
    found: dict[str, Any] = {}
    left = list(references(part))
    while left:
        reference = left.pop()
        if reference not in found:
            found[reference] = resolved(reference)
            left += references(found[reference])
    return found


def schemas(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield a schema and its inline subschemas, without following references."""
    yield schema
    for inner in [*schema.get("properties", {}).values(), *schema.get("anyOf", []), *schema.get("oneOf", [])]:
        yield from schemas(inner)
    if isinstance(schema.get("items"), dict):
        yield from schemas(schema["items"])


def faults(reference: str, value: Any) -> list[str]:
    schema = {"$ref": reference, "components": DOCUMENT["components"]}
    return [error.message for error in Draft202012Validator(schema).iter_errors(value)]


def test_the_document_is_a_valid_openapi_document():
    assert DOCUMENT["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_the_document_is_what_the_code_says():
    checked = run("-m", "functions.web.openapi", "--check")
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(
    "content",
    [None, (PARTS / "core.json").read_text().replace('"422"', '"423"')],
    ids=["missing", "stale"],
)
def test_a_document_that_is_missing_or_stale_fails_the_check_and_is_left_alone(tmp_path: Path, content: str | None):
    shutil.copytree(PARTS, tmp_path, dirs_exist_ok=True)
    other = tmp_path / "core.json"
    other.unlink()
    if content:
        other.write_text(content)
    program = "import sys, pathlib; from functions.web.openapi import __main__ as tool; tool.PARTS = pathlib.Path(sys.argv[1])"
    checked = run("-c", f"{program}; tool.main(['--check'])", str(tmp_path))
    assert checked.returncode == 1
    assert "python -m functions.web.openapi" in checked.stderr
    assert (other.read_text() if other.exists() else None) == content


def test_every_endpoint_a_client_may_call_is_in_the_document_and_no_other(code, functions):
    public = [name for name, declared in functions.items() if declared["ingress"] == "public"]
    served = [f"{method} {path}" for name in public for method, path in code["rules"][name] if path not in PAGES]
    assert sorted(served) == sorted(OPERATIONS)


def test_every_schema_has_one_plain_name():
    """Fails when two views share a name: pydantic then puts their modules' names into the schema names."""
    assert [name for name in DOCUMENT["components"]["schemas"] if not name.isalnum() or not name[0].isupper()] == []


def test_every_operation_can_be_read_called_and_failed():
    assert [name for name, count in Counter(o["operationId"] for o in OPERATIONS.values()).items() if count > 1] == []
    tags = {tag["name"] for tag in DOCUMENT["tags"]}
    for name, operation in OPERATIONS.items():
        assert operation["summary"], name
        assert operation["description"], name
        assert set(operation["tags"]) <= tags, name
        assert {status[0] for status in operation["responses"].keys() - {"304"}} == {"2", "4", "5"}, name


def test_every_parameter_says_what_it_is():
    silent = [
        f"{name}: {parameter['name']}"
        for name, operation in OPERATIONS.items()
        for parameter in operation.get("parameters", [])
        if not (resolved(parameter["$ref"]) if "$ref" in parameter else parameter).get("description")
    ]
    assert silent == []


def test_an_operation_for_a_role_asks_for_a_token_and_names_the_role(code):
    for name, operation in OPERATIONS.items():
        role = code["roles"][name]
        assert operation.get("x-role") == role, name
        assert (operation["security"] == [{"bearerAuth": []}]) == (role is not None), name
        assert role is None or ({"401", "403", "503"} <= operation["responses"].keys()), name
        assert role is None or f"`{role}`" in operation["description"], name


def test_an_open_operation_that_takes_a_token_says_that_it_need_not():
    assert OPERATIONS["POST /api/v1/auth/logout"]["security"] == [{"bearerAuth": []}, {}]
    assert OPERATIONS["POST /api/v1/auth/send-otp"]["security"] == []


def test_a_request_that_may_be_repeated_takes_a_key(code):
    key = {"$ref": "#/components/parameters/IdempotencyKey"}
    assert [name for name, found in OPERATIONS.items() if key in found.get("parameters", [])] == [
        name for name in OPERATIONS if name in code["idempotent"]
    ]


def test_a_code_means_one_thing_wherever_it_is_answered(code):
    meanings = Counter(name for name, _, _ in code["refusals"])
    assert [name for name, count in meanings.items() if count > 1] == []


def test_what_is_sent_is_read_field_by_field_and_nothing_else_is_taken():
    sent = reachable([body for name, body in BODIES.items() if name not in BY_HAND])
    objects = {name: schema for name, schema in sent.items() if "properties" in schema}
    assert objects
    assert [name for name, schema in objects.items() if schema.get("additionalProperties") is not False] == []


def test_a_change_promises_no_value_to_a_field_that_is_not_sent():
    changed = reachable([body for name, body in BODIES.items() if name.startswith("PUT ")])
    assert [name for name, schema in changed.items() for found in schemas(schema) if "default" in found] == []


def test_an_answer_always_holds_all_its_fields():
    answers = [o["responses"][status] for o in OPERATIONS.values() for status in o["responses"] if status[0] == "2"]
    objects = {name: schema for name, schema in reachable(answers).items() if "properties" in schema}
    assert "#/components/schemas/BookingPage" in objects
    assert [name for name, schema in objects.items() if set(schema["required"]) != set(schema["properties"])] == []


def test_states_are_listed():
    listed = DOCUMENT["components"]["schemas"]
    for states in (Status, PaymentStatus, Acceptance):
        assert listed[states.__name__]["enum"] == [state.value for state in states]


def test_every_bound_is_a_json_schema_keyword():
    """Fails where a bound comes after a validator: pydantic then writes `ge` and `le`, which JSON Schema does not define."""
    unknown = {
        f"{name}: {word}"
        for name, schema in DOCUMENT["components"]["schemas"].items()
        for found in schemas(schema)
        for word in found.keys() - WORDS
    }
    assert unknown == set()
    hours = DOCUMENT["components"]["schemas"]["QuoteRequest"]["properties"]["duration_hours"]
    assert (hours["minimum"], hours["maximum"]) == (1, 8)


def test_every_amount_down_to_the_paisa_is_what_the_document_calls_an_amount():
    """Fails with `multipleOf: 0.01`: 0.07 / 0.01 is 7.000000000000001 to every validator that divides floats."""
    total = Draft202012Validator(DOCUMENT["components"]["schemas"]["BreakdownView"]["properties"]["total"])
    assert [paise for paise in range(20_000) if not total.is_valid(paise / 100)] == []


def test_every_reference_leads_somewhere_and_every_component_is_used():
    used = reachable(DOCUMENT["paths"])
    assert all(found for found in used.values())
    parts = {part: names for part, names in DOCUMENT["components"].items() if part != "securitySchemes"}
    assert {f"#/components/{part}/{name}" for part, names in parts.items() for name in names} == used.keys()


def test_every_example_of_a_body_is_one():
    for name, body in BODIES.items():
        assert faults(body["schema"]["$ref"], body["example"]) == [], name


def test_every_refusal_is_a_problem_with_an_example():
    for name, example in DOCUMENT["components"]["examples"].items():
        assert faults("#/components/schemas/Problem", example["value"]) == [], name
        assert example["value"]["code"] == name
    for name, operation in OPERATIONS.items():
        for status, answer in operation["responses"].items():
            response = resolved(answer["$ref"]) if "$ref" in answer else answer
            content = response.get("content", {}).get("application/problem+json", {})
            shown = [resolved(example["$ref"])["value"] for example in content.get("examples", {}).values()]
            assert [problem["status"] for problem in shown] == [int(status)] * len(shown), name
            assert bool(shown) == (status[0] not in "23"), name
            assert all(f"`{problem['code']}`" in response["description"] for problem in shown), name


def test_no_function_loads_the_generator_or_what_it_reads(code):
    assert [name for name in code["modules"] if name == "yaml" or name.startswith("functions.web.openapi")] == []
