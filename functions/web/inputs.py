"""Inputs of a request: body, query and path parameters, validated against the endpoint's declaration."""

import json
import re
from collections import Counter
from typing import Any
from uuid import UUID

from flask import Request
from pydantic import BaseModel, ValidationError

from functions.web import problems
from functions.web.body import body_of
from shared.kit.errors import Invalid
from shared.kit.schemas import UUID_TEXT


def parse_body(model: type[BaseModel], request: Request) -> BaseModel:
    """Return the validated body.

    Raises InvalidFields, Invalid for a name that is sent twice, or a refusal of the media type or the JSON text.
    """
    raw = body_of(request) or b"{}"  # an absent body counts as empty, so that the errors name the required fields
    if raw != b"{}" and request.mimetype != "application/json":
        raise problems.UnsupportedMediaType
    try:
        parsed = model.model_validate_json(raw)
    except ValidationError as error:
        raise problems.invalid(error) from error
    json.loads(raw, object_pairs_hook=_unique, parse_int=str)  # pydantic silently keeps the last of duplicate names
    return parsed


def parse_query(model: type[BaseModel], request: Request) -> BaseModel:
    """Return the validated query; raises InvalidFields, or Invalid for a parameter that is sent twice."""
    given = list(request.args.items(multi=True))
    try:
        return model.model_validate(_unique(given, "query."))
    except ValidationError as error:
        raise problems.invalid(error, "query") from error


def parse_segment(name: str, text: str) -> UUID | str:
    """Return a parameter of the path: a UUID if its name ends in `_id`. Raises Invalid."""
    if "\0" in text:  # Postgres stores no NUL
        raise Invalid(f"path.{name}", "must not contain NUL")
    if not name.endswith("_id"):
        return text
    if not re.fullmatch(UUID_TEXT, text):
        raise Invalid(f"path.{name}", "must be a UUID")
    return UUID(text)


def _unique(pairs: list[tuple[str, Any]], prefix: str = "") -> dict[str, Any]:
    """Return the object of these pairs; raises Invalid for a repeated name, because parsers disagree about which one counts."""
    found = dict(pairs)
    if len(found) < len(pairs):
        [(name, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise Invalid(prefix + name, "is sent twice")
    return found
