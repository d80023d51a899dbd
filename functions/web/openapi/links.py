"""OpenAPI links: the operations that take an id from a response."""

import re
from collections.abc import Mapping
from typing import Any, get_args

from functions.web.endpoint import Endpoint
from functions.web.openapi.words import Json


def by_path(endpoint: Endpoint, operations: Mapping[str, Endpoint]) -> Json:
    """Return links to operations whose path continues with the id in this endpoint's response, or in its first item."""
    id_pointer = _id_pointer(endpoint.answer)
    longer = re.compile(re.escape(endpoint.path) + r"/{(\w+)}[^{]*")
    found = {name: longer.fullmatch(other.path) for name, other in operations.items()} if id_pointer else {}
    return {name: _link(name, parameters={match[1]: id_pointer}) for name, match in found.items() if match}


def by_hand(declared: Mapping[str, Json]) -> Json:
    """Return the links declared in words.yaml: an input of the next operation and its pointer into this response."""
    return {name: _link(name, **inputs) for name, inputs in declared.items()}


def _link(name: str, **inputs: Any) -> Json:
    return {"operationId": name, **inputs}


def _id_pointer(answer: Any) -> str | None:
    fields = getattr(answer, "model_fields", {})
    if "id" in fields:
        return "$response.body#/id"
    items = get_args(fields["items"].annotation) if "items" in fields else ()
    first = next(iter(get_args(items[0]) or items), None) if items else None  # of a union: its first member
    return "$response.body#/items/0/id" if "id" in getattr(first, "model_fields", {}) else None
