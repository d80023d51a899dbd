"""One operation of the document: parameters, body, responses and security of an endpoint."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from inspect import getdoc
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from functions.web.endpoint import Endpoint
from functions.web.openapi import refusals as refusals_of
from functions.web.openapi.refusals import Kind, headers
from functions.web.openapi.schemas import Models
from functions.web.openapi.words import WORDS, Json
from shared.sign_in.tokens import InvalidToken


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
        return refusals_of.by_status(self.endpoint, reads_bytes=self.id in WORDS["by_hand"])


def doc(thing: Any) -> str:
    return getdoc(thing) or ""


def describe(operation: Operation, models: Models) -> Json:
    endpoint, sentence = operation.endpoint, doc(operation.endpoint.handler)
    parameters = list(_parameters(endpoint, models))
    return {
        "operationId": operation.id,
        "tags": [operation.function],
        "summary": re.split(r"[:;.](?:\s|$)", sentence)[0],
        "description": sentence + _role_note(endpoint.roles),
        **({"x-role": endpoint.role} if endpoint.roles else {}),
        "security": _security(endpoint),
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": _body(endpoint.body, models)} if endpoint.body else {}),
        **WORDS["by_hand"].get(operation.id, {}),
        "responses": {str(endpoint.status): _success(endpoint, models), **_unchanged(endpoint)}
        | {str(status): refusals_of.answer(kinds) for status, kinds in operation.refusals.items()},
    }


def _role_note(roles: Sequence[str]) -> str:
    named = ", ".join(f"`{role}`" for role in roles)
    return f"\n\nFor the role{'s' * (len(roles) > 1)} {named}." if roles else ""


def _security(endpoint: Endpoint) -> list[Json]:
    if endpoint.roles:
        return [{"bearerAuth": []}]
    # An open endpoint that refuses invalid tokens accepts an optional one.
    return [{"bearerAuth": []}, {}] if InvalidToken in endpoint.refuses else []


def _parameters(endpoint: Endpoint, models: Models) -> Iterator[Json]:
    for name in re.findall(r"{(\w+)}", endpoint.path):
        schema = {"type": "string", "format": "uuid"} if name.endswith("_id") else {"type": "string"}
        yield {"name": name, "in": "path", "required": True, **_description(name), "schema": schema}
    if endpoint.query:
        query = models.query(endpoint.query)
        for name, schema in query["properties"].items():
            required = _required(name, query)
            yield {"name": name, "in": "query", **required, **_description(name), "schema": _not_null(schema)}
    if endpoint.idempotent:
        yield {"$ref": "#/components/parameters/IdempotencyKey"}
    if endpoint.etag:
        yield {"$ref": "#/components/parameters/IfNoneMatch"}


def _required(name: str, query: Json) -> Json:
    """Return whether a parameter is required, and an example of a required one."""
    if name in query.get("required", []):
        return {"required": True, "example": WORDS["samples"][name]}
    return {"required": False}


def _description(name: str) -> Json:
    words = WORDS["parameters"].get(name)
    if words is None and name.endswith("_id"):
        words = f"Id of the {name.removesuffix('_id').replace('_', ' ')}."
    return {"description": words} if words else {}


def _not_null(schema: Json) -> Json:
    """Return the schema without null: a URL has no null, and an absent parameter is read as None."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    return kinds[0] if len(kinds) == 1 else schema


def _body(model: type[BaseModel], models: Models) -> Json:
    content = {"schema": models.ref(model), "example": _example(model)}
    return {"required": not _accepts(model, {}), "content": {"application/json": content}}


def _example(model: type[BaseModel]) -> Json:
    """Return an example body from the samples; for a union, of its first member."""
    if model.__pydantic_root_model__:
        member, *_ = get_args(model.model_fields["root"].annotation)
        return _example(member.__origin__)
    names = model.model_fields.keys() & WORDS["samples"].keys() - set(WORDS["left_out"].get(model.__name__, []))
    example = {name: WORDS["samples"][name] for name in model.model_fields if name in names}
    model.model_validate_json(json.dumps(example))
    return example


def _accepts(model: type[BaseModel], body: Json) -> bool:
    try:
        model.model_validate_json(json.dumps(body))
    except ValidationError:
        return False
    return True


def _success(endpoint: Endpoint, models: Models) -> Json:
    answer: Json = {"description": HTTPStatus(endpoint.status).phrase, "headers": headers(*_response_headers(endpoint))}
    if endpoint.status != HTTPStatus.NO_CONTENT:
        schema = models.ref(endpoint.answer, "serialization") if endpoint.answer else {"type": "object"}
        answer["content"] = {"application/json": {"schema": schema}}
    if endpoint.page:
        answer["content"]["text/html"] = {"schema": {"type": "string"}}
    return answer


def _response_headers(endpoint: Endpoint) -> list[str]:
    return ["X-Request-Id", *(["ETag"] if endpoint.etag else [])]


def _unchanged(endpoint: Endpoint) -> Json:
    """Return the 304 for a client that has the current response."""
    phrase = "Not modified: the client has the current response. No body."
    return {"304": {"description": phrase, "headers": headers(*_response_headers(endpoint))}} if endpoint.etag else {}
