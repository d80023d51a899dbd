"""The OpenAPI 3.1 document of the whole API, and its parts by line."""

import os
import tomllib
from collections.abc import Sequence
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import yaml

from functions.web.openapi import links, refusals
from functions.web.openapi.operations import Operation, describe, doc
from functions.web.openapi.parts import split
from functions.web.openapi.schemas import Models
from functions.web.openapi.words import WORDS, Json
from shared.kit.settings import Settings

ROOT = Path(__file__).parents[3]
CONTACT = {"name": "The operator of this API"}
LICENSE = {"name": "MIT", "url": "https://opensource.org/license/mit"}


def parts() -> dict[str, Json]:
    """Return the documents of the core and of each line, by name."""
    whole = document()
    return split(whole, _owners())


def document() -> Json:
    """Return the document of all public functions and all lines."""
    _use_placeholders()
    operations = _operations()
    models = Models([operation.endpoint for operation in operations])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    title = project["name"].replace("-", " ").capitalize()
    about = f"{project['description']}\n\n{WORDS['description']}".strip()
    functions = sorted({operation.function for operation in operations})
    names = {"title": title, "version": project["version"], "description": about}
    return {
        "openapi": "3.1.0",
        "info": {**names, "contact": CONTACT, "license": LICENSE},
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": doc(import_module(f"functions.{name}"))} for name in functions],
        "paths": _paths(operations, models),
        "components": _components(operations, models),
    }


def _use_placeholders() -> None:
    """Set placeholder settings, so that the functions can be imported whatever this environment sets."""
    for item in fields(Settings):
        os.environ[item.name.upper()] = "1:placeholder" if item.default is None else ""
    os.environ |= {"ENVIRONMENT": "test", "DATABASE_URL": "postgresql://placeholder"}


def _public() -> list[str]:
    declared = yaml.safe_load((ROOT / "terraform" / "functions.yaml").read_text())["functions"]
    return [name for name, function in declared.items() if function["ingress"] == "public"]


def _owners() -> dict[tuple[str, str], str]:
    """Return the line of each operation in a function's `LINE_ROUTES`, by method and path."""
    tables = [getattr(import_module(f"functions.{name}"), "LINE_ROUTES", {}) for name in _public()]
    return {
        (method, path): line
        for table in tables
        for line, routes in table.items()
        for path, methods in routes.items()
        for method in methods
    }


def _operations() -> list[Operation]:
    targets = {name: getattr(import_module(f"functions.{name}"), name) for name in _public()}
    return [
        Operation(name, endpoint)
        for name, target in targets.items()
        for endpoint in target.app.endpoints()
        if endpoint.documented
    ]


def _paths(operations: Sequence[Operation], models: Models) -> Json:
    paths: Json = {}
    named = {operation.id: operation.endpoint for operation in operations}
    for operation in operations:
        described, endpoint = describe(operation, models), operation.endpoint
        if found := links.by_path(endpoint, named) | links.by_hand(WORDS["links"].get(operation.id, {})):
            described["responses"][str(endpoint.status)]["links"] = found
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = described
    return paths


def _components(operations: Sequence[Operation], models: Models) -> Json:
    by_hand: Json = WORDS["components"]
    refused = refusals.components([kinds for operation in operations for kinds in operation.refusals.values()])
    parts = by_hand | refused | {"schemas": by_hand["schemas"] | models.schemas}
    return {part: dict(sorted(found.items())) for part, found in parts.items()}
