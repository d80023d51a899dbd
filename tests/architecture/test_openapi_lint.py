"""The document passes the rules of common linters (Spectral's `oas`, Redocly's) that can be checked offline."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

from tests.architecture.test_openapi import BODIES, DOCUMENT, OPERATIONS, WORDS, resolved, schemas

PATHS = DOCUMENT["paths"]
COMPONENTS = DOCUMENT["components"]["schemas"]


def everything(part: Any) -> Iterator[dict[str, Any]]:
    """Walk every object of the document."""
    if isinstance(part, dict):
        yield part
        part = list(part.values())
    for item in part if isinstance(part, list) else []:
        yield from everything(item)


def parameters(operation: dict[str, Any]) -> list[dict[str, Any]]:
    return [resolved(one["$ref"]) if "$ref" in one else one for one in operation.get("parameters", [])]


def test_it_says_whose_it_is_and_under_which_licence():
    info = DOCUMENT["info"]
    assert info["contact"]["name"]
    assert info["license"].keys() == {"name", "url"}  # a URL or an SPDX identifier: never both
    assert info["description"]
    assert [server["url"] for server in DOCUMENT["servers"]] == ["/"]


def test_tags_are_in_order_and_each_says_what_is_in_it():
    names = [tag["name"] for tag in DOCUMENT["tags"]]
    assert names == sorted(set(names))
    assert all(tag["description"] for tag in DOCUMENT["tags"])
    assert set(names) == {tag for operation in OPERATIONS.values() for tag in operation["tags"]}
    assert all(len(operation["tags"]) == 1 for operation in OPERATIONS.values())


def test_an_operation_is_named_by_an_id_that_is_good_in_an_address_and_a_short_sentence():
    for name, operation in OPERATIONS.items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+", operation["operationId"]), name
        assert len(operation["summary"]) <= 120, name
        assert not operation["summary"].endswith("."), name


def test_paths_are_words_with_dashes_and_no_two_are_alike():
    shapes = Counter(re.sub(r"{\w+}", "{}", path) for path in PATHS)
    assert [shape for shape, count in shapes.items() if count > 1] == []
    words = [word for path in PATHS for word in path.removesuffix(".json").split("/")[1:]]
    assert [word for word in words if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*|{[a-z]+(_[a-z]+)*}", word)] == []


def test_path_parameters_are_declared_exactly_once():
    for name, operation in OPERATIONS.items():
        declared = [(one["in"], one["name"]) for one in parameters(operation)]
        assert len(declared) == len(set(declared)), name
        in_path = sorted(one for where, one in declared if where == "path")
        assert in_path == sorted(re.findall(r"{(\w+)}", name)), name
        assert all(one["required"] for one in parameters(operation) if one["in"] == "path"), name


def test_every_refusal_has_a_body_and_every_success_but_an_empty_one():
    for name, operation in OPERATIONS.items():
        for status, answer in operation["responses"].items():
            response = resolved(answer["$ref"]) if "$ref" in answer else answer
            assert response["description"], name
            assert bool(response.get("content")) == (status not in {"204", "304"}), f"{name} {status}"


def test_every_link_leads_to_an_operation_that_takes_what_it_says():
    by_id = {operation["operationId"]: operation for operation in OPERATIONS.values()}
    links = [
        link
        for operation in OPERATIONS.values()
        for answer in operation["responses"].values()
        for link in answer.get("links", {}).values()
    ]
    assert links
    for link in links:
        operation = by_id[link["operationId"]]
        assert link.get("parameters", {}).keys() <= {one["name"] for one in parameters(operation)}, link
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        shapes = [found for found in schemas(resolved(body["$ref"])) if "properties" in found] if body else []
        fields = {field for shape in shapes for field in shape["properties"]}
        assert link.get("requestBody", {}).keys() <= fields, link


def test_an_enum_is_of_one_type_and_holds_nothing_twice():
    for schema in everything(DOCUMENT):
        if isinstance(schema.get("enum"), list):
            assert schema["type"] == "string"
            assert len(schema["enum"]) == len(set(schema["enum"])) > 0
            assert all(isinstance(value, str) for value in schema["enum"])


def test_every_schema_says_its_type_and_every_array_what_is_in_it():
    for name, schema in COMPONENTS.items():
        for found in schemas(schema):
            assert {"type", "$ref", "anyOf", "oneOf", "const"} & found.keys(), name
            assert found.get("type") != "array" or "items" in found, name


def test_every_bound_of_a_parameter_is_a_json_schema_keyword():
    """As for a body's field: a bound after a validator makes the generator write a keyword JSON Schema does not define."""
    declared = [(name, one["schema"]) for name, operation in OPERATIONS.items() for one in parameters(operation)]
    unknown = {
        f"{name}: {word}" for name, schema in declared for found in schemas(schema) for word in found.keys() - WORDS
    }
    assert unknown == set()


def test_every_example_and_default_is_a_value_of_its_schema():
    for name, schema in COMPONENTS.items():
        for found in schemas(schema):
            validator = Draft202012Validator(found | {"components": DOCUMENT["components"]})
            shown = [*found.get("examples", []), *([found["default"]] if "default" in found else [])]
            assert [value for value in shown if not validator.is_valid(value)] == [], name


def test_every_body_has_an_example():
    assert [name for name, body in BODIES.items() if not body.get("example")] == []


def test_nothing_in_a_text_would_run():
    texts = [value for part in everything(DOCUMENT) for value in part.values() if isinstance(value, str)]
    assert [text for text in texts if re.search(r"<script|eval\(", text)] == []
