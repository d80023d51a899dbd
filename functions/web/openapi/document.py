"""The OpenAPI 3.1 document of the whole API."""

import os
import tomllib
from collections.abc import Sequence
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import yaml

from functions.web.openapi import links, refusals
from functions.web.openapi.operations import Operation, describe, doc
from functions.web.openapi.schemas import Models
from functions.web.openapi.words import WORDS, Json
from shared.kit.settings import Settings

ROOT = Path(__file__).parents[3]
CONTACT = {"name": "Sizzle"}
LICENSE = {"name": "MIT", "url": "https://opensource.org/license/mit"}


def document() -> Json:
    """Return the document of every function a client may call."""
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
        for endpoint in target.app.endpoints()
        if endpoint.documented
    ]


def _paths(operations: Sequence[Operation], models: Models) -> Json:
    paths: Json = {}
    named = {operation.id: operation.endpoint for operation in operations}
    for operation in operations:
        told, endpoint = describe(operation, models), operation.endpoint
        if found := links.following(endpoint, named) | links.by_hand(WORDS["links"].get(operation.id, {})):
            told["responses"][str(endpoint.status)]["links"] = found
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = told
    return paths


def _components(operations: Sequence[Operation], models: Models) -> Json:
    by_hand: Json = WORDS["components"]
    refused = refusals.components([kinds for operation in operations for kinds in operation.refusals.values()])
    parts = by_hand | refused | {"schemas": by_hand["schemas"] | models.schemas}
    return {part: dict(sorted(found.items())) for part, found in parts.items()}
