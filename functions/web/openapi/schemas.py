"""JSON schemas of all bodies, queries and answers."""

import re
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core import core_schema

from functions.web.endpoint import Endpoint
from functions.web.openapi.words import Json

Mode = Literal["validation", "serialization"]
CHANGES = ("PUT", "PATCH")


class _JsonSchema(GenerateJsonSchema):
    """Pydantic's schemas as sent: a response requires all its fields, and a page is named after its items."""

    def normalize_name(self, name: str) -> str:
        return super().normalize_name(re.sub(r"^PageView\[(\w+?)(View)?\]$", r"\1Page", name))

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False  # pydantic's title only repeats the field's name

    def field_is_required(self, field: Any, total: bool) -> bool:
        return self.mode == "serialization" or super().field_is_required(field, total)

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> Json:
        if self.mode == "serialization":
            return dict(self.generate_inner(schema["schema"]))
        return dict(super().default_schema(schema))


class Models:
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
            if item.body and item.method in CHANGES:
                self._drop_defaults(self.schemas[self._name(item.body)])

    def ref(self, model: type[BaseModel], mode: Mode = "validation") -> Json:
        return dict(self._refs[model, mode])

    def query(self, model: type[BaseModel]) -> Json:
        return dict(self._queries[model])

    def _name(self, model: type[BaseModel]) -> str:
        return str(self.ref(model)["$ref"]).rpartition("/")[2]

    @staticmethod
    def _drop_defaults(schema: Json) -> None:
        for name, field in schema.get("properties", {}).items():
            schema["properties"][name] = _without(field, "default")  # an absent field is unchanged


def _without(schema: Json, name: str) -> Json:
    return {key: value for key, value in schema.items() if key != name}
