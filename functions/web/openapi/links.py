"""The links of an answer in the API's document: the operations that take an id of it."""

import re
from collections.abc import Mapping
from typing import Any, get_args

from functions.web.endpoint import Endpoint
from functions.web.openapi.words import Json


def following(endpoint: Endpoint, operations: Mapping[str, Endpoint]) -> Json:
    """Return by their ids the operations whose path goes on with the id that this endpoint answers, or lists first."""
    where = _where_id_is(endpoint.answer)
    goes_on = re.compile(re.escape(endpoint.path) + r"/{(\w+)}[^{]*")
    found = {name: goes_on.fullmatch(other.path) for name, other in operations.items()} if where else {}
    return {name: _link(name, parameters={match[1]: where}) for name, match in found.items() if match}


def by_hand(told: Mapping[str, Json]) -> Json:
    """Return the links that words.yaml tells: what the next operation takes, and where it is in this answer."""
    return {name: _link(name, **takes) for name, takes in told.items()}


def _link(name: str, **takes: Any) -> Json:
    return {"operationId": name, **takes}


def _where_id_is(answer: Any) -> str | None:
    fields = getattr(answer, "model_fields", {})
    if "id" in fields:
        return "$response.body#/id"
    items = get_args(fields["items"].annotation) if "items" in fields else ()
    first = next(iter(get_args(items[0]) or items), None) if items else None  # of a union: its first member
    return "$response.body#/items/0/id" if "id" in getattr(first, "model_fields", {}) else None
