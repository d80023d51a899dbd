"""Splits the document into the core's part and one for each line; `functions.web.api_document` merges them again."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from functions.web.openapi.words import Json

CORE = "core"
Owners = Mapping[tuple[str, str], str]  # the line of an operation, by method and path; the core's are left out


def split(document: Json, owners: Owners) -> dict[str, Json]:
    """Return the document's parts by name: operations with the components they refer to, each component once.

    A component that a core operation refers to is in the core's part; a line's part holds the rest of its own.
    """
    names = [CORE, *dict.fromkeys(owners.values())]
    paths = {name: _paths_of(document["paths"], owners, name) for name in names}
    shared = _reachable(document, paths[CORE])
    parts: dict[str, Json] = {}
    for name in names:
        tags = {tag for item in paths[name].values() for operation in item.values() for tag in operation["tags"]}
        wanted = shared if name == CORE else _reachable(document, paths[name]) - shared
        parts[name] = {
            **document,
            "tags": [tag for tag in document["tags"] if tag["name"] in tags],
            "paths": paths[name],
            "components": _components(document["components"], wanted, whole=name == CORE),
        }
    return parts


def _paths_of(paths: Json, owners: Owners, name: str) -> Json:
    found: Json = {}
    for path, item in paths.items():
        kept = {method: each for method, each in item.items() if owners.get((method.upper(), path), CORE) == name}
        if kept:
            found[path] = {method: _with_own_links(each, paths, owners, name) for method, each in kept.items()}
    return found


def _with_own_links(operation: Json, paths: Json, owners: Owners, name: str) -> Json:
    """Return an operation without links to operations of another line."""
    ours = {
        each["operationId"]
        for path, item in paths.items()
        for method, each in item.items()
        if owners.get((method.upper(), path), CORE) in {CORE, name}
    }
    responses = {status: _linked(response, ours) for status, response in operation["responses"].items()}
    return {**operation, "responses": responses}


def _linked(response: Json, ours: set[str]) -> Json:
    links = {name: link for name, link in response.get("links", {}).items() if link["operationId"] in ours}
    rest = {name: value for name, value in response.items() if name != "links"}
    return {**rest, **({"links": links} if links else {})}


def _components(components: Json, wanted: set[str], *, whole: bool) -> Json:
    """Return the wanted components; the core's part also has all security schemes."""
    kept = {
        kind: {name: each for name, each in found.items() if f"{kind}/{name}" in wanted}
        for kind, found in components.items()
    }
    return {kind: components[kind] if whole and kind == "securitySchemes" else found for kind, found in kept.items()}


def _reachable(document: Json, start: Json) -> set[str]:
    """Return the components (`kind/name`) that a part of the document refers to, directly or indirectly."""
    found: set[str] = set()
    left = list(_references(start))
    while left:
        reference = left.pop()
        if reference not in found:
            found.add(reference)
            kind, _, name = reference.partition("/")
            left += _references(document["components"][kind][name])
    return found


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str):
                yield re.sub("^#/components/", "", value)
            elif key == "mapping" and isinstance(value, dict):
                yield from (re.sub("^#/components/", "", each) for each in value.values())
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for each in node:
            yield from _references(each)
