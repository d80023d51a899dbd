"""The OpenAPI 3.1 document of the whole API: what the endpoints declare, and the few words in openapi.yaml beside it.

`python -m functions.openapi` writes functions/docs/openapi.json, which the docs function serves as it is; with `--check`
it writes nothing and exits 1 when the file is not what the code says. A tool of the build: no function imports it.
"""

import json
import os
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from http import HTTPStatus
from importlib import import_module
from inspect import getdoc
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core import core_schema

from functions import openapi_links as links
from functions import openapi_refusals as refusals
from functions.openapi_refusals import Json, Kind, headers
from functions.web import Endpoint
from shared.kit.settings import Settings
from shared.sign_in.tokens import InvalidToken

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "functions" / "docs" / "openapi.json"
WORDS: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())

CONTACT = {"name": "Sizzle"}
LICENSE = {"name": "MIT", "url": "https://opensource.org/license/mit"}

Mode = Literal["validation", "serialization"]


@dataclass(frozen=True)
class Operation:
    """An endpoint of a function; its id is unique because a function's handlers have different names."""

    function: str
    endpoint: Endpoint

    @property
    def id(self) -> str:
        return f"{self.function}_{self.endpoint.handler.__name__}"

    @property
    def refusals(self) -> dict[int, list[Kind]]:
        return refusals.by_status(self.endpoint, reads_bytes=self.id in WORDS["by_hand"])


class _JsonSchema(GenerateJsonSchema):
    """Pydantic's schemas as the wire has them: an answer holds all its fields, a page is named after its items."""

    def normalize_name(self, name: str) -> str:
        return super().normalize_name(re.sub(r"^PageView\[(\w+?)(View)?\]$", r"\1Page", name))

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False  # a title made of the name says nothing

    def field_is_required(self, field: Any, total: bool) -> bool:
        return self.mode == "serialization" or super().field_is_required(field, total)

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> Json:
        if self.mode == "serialization":
            return dict(self.generate_inner(schema["schema"]))
        return dict(super().default_schema(schema))


class _Models:
    """The schemas of all bodies, queries and answers, by name."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        inputs: list[tuple[Any, Mode]] = [
            (model, "validation") for item in endpoints for model in (item.body, item.query) if model
        ]
        answers: list[tuple[Any, Mode]] = [(item.answer, "serialization") for item in endpoints if item.answer]
        self._refs, found = models_json_schema(
            inputs + answers, ref_template="#/components/schemas/{model}", schema_generator=_JsonSchema
        )
        self.schemas: Json = {name: _without(schema, "title") for name, schema in found["$defs"].items()}
        queries = dict.fromkeys(item.query for item in endpoints if item.query)
        self._queries = {model: self.schemas.pop(self._name(model)) for model in queries}  # parameters, not components
        for item in endpoints:
            if item.body and item.method == "PUT":
                self._drop_defaults(self.schemas[self._name(item.body)])

    def ref(self, model: type[BaseModel], mode: Mode = "validation") -> Json:
        return dict(self._refs[model, mode])

    def query(self, model: type[BaseModel]) -> Json:
        return dict(self._queries[model])

    def _name(self, model: type[BaseModel]) -> str:
        return str(self.ref(model)["$ref"]).rpartition("/")[2]

    @staticmethod
    def _drop_defaults(schema: Json) -> None:
        for name, field in schema["properties"].items():
            schema["properties"][name] = _without(field, "default")  # absent is unchanged, whatever the model fills in


def _without(schema: Json, name: str) -> Json:
    return {key: value for key, value in schema.items() if key != name}


def document() -> Json:
    """Return the document of every function a client may call."""
    _use_placeholders()
    operations = _operations()
    models = _Models([operation.endpoint for operation in operations])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    title = project["name"].replace("-", " ").capitalize()
    about = f"{project['description']}\n\n{WORDS['description']}".strip()
    functions = sorted({operation.function for operation in operations})
    names = {"title": title, "version": project["version"], "description": about}
    return {
        "openapi": "3.1.0",
        "info": {**names, "contact": CONTACT, "license": LICENSE},
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": _doc(import_module(f"functions.{name}"))} for name in functions],
        "paths": _paths(operations, models),
        "components": _components(operations, models),
    }


def _use_placeholders() -> None:
    """Let the functions load: the settings they require hold nothing, the others their defaults, whatever is set here."""
    for item in fields(Settings):
        os.environ[item.name.upper()] = "1:placeholder" if item.default is None else ""
    os.environ |= {"ENVIRONMENT": "test", "DATABASE_URL": "postgresql://placeholder"}


def _operations() -> list[Operation]:
    declared = yaml.safe_load((ROOT / "terraform" / "functions.yaml").read_text())["functions"]
    names = [name for name, function in declared.items() if function["ingress"] == "public"]
    targets = {name: getattr(import_module(f"functions.{name}"), name) for name in names}
    return [
        Operation(name, endpoint)
        for name, target in targets.items()
        for noun in target.app.all_routes()
        for endpoint in noun.endpoints
    ]


def _doc(thing: Any) -> str:
    return getdoc(thing) or ""


def _paths(operations: Sequence[Operation], models: _Models) -> Json:
    paths: Json = {}
    named = {operation.id: operation.endpoint for operation in operations}
    for operation in operations:
        told, endpoint = _operation(operation, models), operation.endpoint
        if found := links.following(endpoint, named) | links.by_hand(WORDS["links"].get(operation.id, {})):
            told["responses"][str(endpoint.status)]["links"] = found
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = told
    return paths


def _operation(operation: Operation, models: _Models) -> Json:
    endpoint, sentence = operation.endpoint, _doc(operation.endpoint.handler)
    role = f"\n\nFor the role `{endpoint.role}`." if endpoint.role else ""
    parameters = list(_parameters(endpoint, models))
    return {
        "operationId": operation.id,
        "tags": [operation.function],
        "summary": re.split(r"[:;.](?:\s|$)", sentence)[0],
        "description": sentence + role,
        **({"x-role": endpoint.role} if endpoint.role else {}),
        "security": _security(endpoint),
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": _body(endpoint.body, models)} if endpoint.body else {}),
        **WORDS["by_hand"].get(operation.id, {}),
        "responses": {str(endpoint.status): _success(endpoint, models), **_unchanged(endpoint)}
        | {str(status): refusals.answer(kinds) for status, kinds in operation.refusals.items()},
    }


def _security(endpoint: Endpoint) -> list[Json]:
    if endpoint.role:
        return [{"bearerAuth": []}]
    # An open endpoint that refuses tokens reads one where it is sent.
    return [{"bearerAuth": []}, {}] if InvalidToken in endpoint.refuses else []


def _parameters(endpoint: Endpoint, models: _Models) -> Iterator[Json]:
    for name in re.findall(r"{(\w+)}", endpoint.path):
        schema = {"type": "string", "format": "uuid"} if name.endswith("_id") else {"type": "string"}
        yield {"name": name, "in": "path", "required": True, **_meaning(name), "schema": schema}
    if endpoint.query:
        query = models.query(endpoint.query)
        for name, schema in query["properties"].items():
            needed = _needed(name, query)
            yield {"name": name, "in": "query", **needed, **_meaning(name), "schema": _not_null(schema)}
    if endpoint.idempotent:
        yield {"$ref": "#/components/parameters/IdempotencyKey"}
    if endpoint.etag:
        yield {"$ref": "#/components/parameters/IfNoneMatch"}


def _needed(name: str, query: Json) -> Json:
    """A parameter that must be sent shows how."""
    if name in query.get("required", []):
        return {"required": True, "example": WORDS["samples"][name]}
    return {"required": False}


def _meaning(name: str) -> Json:
    words = WORDS["parameters"].get(name)
    if words is None and name.endswith("_id"):
        words = f"Id of the {name.removesuffix('_id').replace('_', ' ')}."
    return {"description": words} if words else {}


def _not_null(schema: Json) -> Json:
    """An address has no null: what the code reads as null is a parameter that was not sent."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    return kinds[0] if len(kinds) == 1 else schema


def _body(model: type[BaseModel], models: _Models) -> Json:
    content = {"schema": models.ref(model), "example": _example(model)}
    return {"required": not _takes(model, {}), "content": {"application/json": content}}


def _example(model: type[BaseModel]) -> Json:
    names = model.model_fields.keys() & WORDS["samples"].keys() - set(WORDS["left_out"].get(model.__name__, []))
    example = {name: WORDS["samples"][name] for name in model.model_fields if name in names}
    model.model_validate_json(json.dumps(example))
    return example


def _takes(model: type[BaseModel], body: Json) -> bool:
    try:
        model.model_validate_json(json.dumps(body))
    except ValidationError:
        return False
    return True


def _success(endpoint: Endpoint, models: _Models) -> Json:
    answer: Json = {"description": HTTPStatus(endpoint.status).phrase, "headers": headers(*_known(endpoint))}
    if endpoint.status != HTTPStatus.NO_CONTENT:
        schema = models.ref(endpoint.answer, "serialization") if endpoint.answer else {"type": "object"}
        answer["content"] = {"application/json": {"schema": schema}}
    if endpoint.page:
        answer["content"]["text/html"] = {"schema": {"type": "string"}}
    return answer


def _known(endpoint: Endpoint) -> list[str]:
    return ["X-Request-Id", *(["ETag"] if endpoint.etag else [])]


def _unchanged(endpoint: Endpoint) -> Json:
    """Return the answer to a client that has the answer already."""
    phrase = "Not modified: the client has this answer. No body."
    return {"304": {"description": phrase, "headers": headers(*_known(endpoint))}} if endpoint.etag else {}


def _components(operations: Sequence[Operation], models: _Models) -> Json:
    by_hand: Json = WORDS["components"]
    refused = refusals.components([kinds for operation in operations for kinds in operation.refusals.values()])
    parts = by_hand | refused | {"schemas": by_hand["schemas"] | models.schemas}
    return {part: dict(sorted(found.items())) for part, found in parts.items()}


def main(arguments: Sequence[str]) -> None:
    text = json.dumps(document(), indent=2, ensure_ascii=False) + "\n"
    if "--check" not in arguments:
        DOCUMENT.write_text(text)
    elif not DOCUMENT.exists() or DOCUMENT.read_text() != text:
        sys.exit(f"{DOCUMENT.name} is not what the code says: run `python -m functions.openapi`")


if __name__ == "__main__":
    main(sys.argv[1:])
