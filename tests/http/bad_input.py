"""Bad input and its good neighbours, made for every field of every operation from the API's own document."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from infra.local.functions import functions, target
from tests.api_document import DOCUMENT

# A value of each type of JSON. What is only a number is no integer; an integer is a number too.
SAMPLES = {
    "null": "null",
    "boolean": "true",
    "integer": "7",
    "number": "1.5",
    "string": '"x"',
    "array": '["x"]',
    "object": '{"x":1}',
}
TRIMMED = r"^[^\x00]*$"  # the pattern of texts: any character but NUL, blanks around it dropped
NO_UUIDS = [
    "x",
    "5f2c1f6e-6a0c-4d1e-9a51-7f0c7b1d2e3",
    "5f2c1f6e-6a0c-4d1e-9a51-7f0c7b1d2e300",
    "5f2c1f6e6a0c4d1e9a517f0c7b1d2e30",
    "{5f2c1f6e-6a0c-4d1e-9a51-7f0c7b1d2e30}",
    "urn:uuid:5f2c1f6e-6a0c-4d1e-9a51-7f0c7b1d2e30",
    "gf2c1f6e-6a0c-4d1e-9a51-7f0c7b1d2e30",
    "5f2c1f6e-6a0c-4d1e-9a51-7f0c7b1d2e30\n",
    "' or 1=1 --",
]
NO_DATES = ["x", "2026-02-30", "30-11-2026", "2026/11/30", "2026-11-30T00:00:00Z", "1800000000", "10000-01-01", "-1"]
NO_EMAILS = [
    "x",
    "a@b",
    "@b.example",
    "a@@b.example",
    "<a@b.example>",
    "a@b.example\nBcc: c@d.example",
    "a b@c.example",
]
NO_URIS = ["x", "javascript:alert(1)", "//x.example", "https://", "file:///etc/passwd", "data:text/html,x"]
NOT_OF_FORMAT = {"uuid": NO_UUIDS, "date": NO_DATES, "email": NO_EMAILS, "uri": NO_URIS}
LONG = {"email": "a@b.{}.example", "uri": "https://x.example/{}"}  # so that the length is all that is wrong with it
HUGE = {"1e400": "1e400", "-1e400": "-1e400", "10**400": "1" + "0" * 400}
# In place of any value they leave no JSON document. A lone surrogate in DCxx stands for the raw byte xx.
BROKEN = {
    "lone surrogate": r'"\ud800"',
    "lone surrogate inside": r'"a\udc00b"',
    "surrogates the wrong way round": r'"\udc00\ud83d"',
    "surrogate as raw bytes": '"\udced\udca0\udc80"',
    "byte that is no UTF-8": '"\udcff"',
    "UTF-8 longer than it need be": '"\udcc0\udc80"',
    "raw NUL": '"a\0b"',
    "raw line break": '"a\nb"',
    "nesting without end": "[" * 100_000,
    "nesting of objects without end": '{"x":' * 100_000,
    "deep nesting": "[" * 100_000 + "]" * 100_000,
    "number of 5,000 digits": "1" * 5_000,
    "leading zero": "01",
    "hexadecimal": "0x1F",
    "no value": "",
    "bare word": "x",
    "single quotes": "'x'",
}


@dataclass(frozen=True)
class Operation:
    """One method of one path, who serves it and for which role (None: for everybody).

    `fields` are its body's, `example` is a body the document shows. A body that is one of several has their `shapes`.
    """

    function: str
    role: str | None
    method: str
    path: str
    parameters: list[dict[str, Any]]
    shapes: list[dict[str, Any]]
    required: frozenset[str]
    example: dict[str, Any] | None
    needs_body: bool
    statuses: frozenset[str]

    def __str__(self) -> str:
        return f"{self.method} {self.path.removeprefix('/api/v1')}"

    @property
    def fields(self) -> dict[str, dict[str, Any]]:
        return {name: field for shape in self.shapes for name, field in shape.get("properties", {}).items()}

    def shown(self, field: str | None) -> dict[str, Any]:
        """Return a body in which this field may stand: the document's example, or one of the field's own shape."""
        example = self.example or {}
        others = [shape["properties"] for shape in self.shapes if field in shape.get("properties", {})]
        if field is None or any(example.keys() <= shape.keys() for shape in others):
            return example
        return {name: json.loads(next(iter(good(schema)))[1]) for name, schema in others[0].items()}

    def named(self, where: str) -> list[str]:
        """Return the names of its parameters in the path, the query or the headers."""
        return [one["name"] for one in self.parameters if one["in"] == where]

    @property
    def is_callback(self) -> bool:
        """Tell whether its bytes are verified before anything in them is read."""
        return self.function == "callback"


def operations() -> list[Operation]:
    listed = functions()
    return [
        _operation(target(path, listed) or "", method.upper(), path, spec)
        for path, methods in DOCUMENT["paths"].items()
        for method, spec in methods.items()
    ]


def _operation(function: str, method: str, path: str, spec: dict[str, Any]) -> Operation:
    sent = spec.get("requestBody", {}).get("content", {}).get("application/json", {})
    schema = resolved(sent.get("schema", {}))
    shapes = [resolved(each) for each in schema.get("oneOf", [schema])]
    return Operation(
        function,
        spec.get("x-role"),
        method,
        path,
        [resolved(parameter) for parameter in spec.get("parameters", [])],
        shapes,
        frozenset.intersection(*(frozenset(shape.get("required", [])) for shape in shapes)),
        sent.get("example"),
        spec.get("requestBody", {}).get("required", False),
        frozenset(spec["responses"]),
    )


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference to the component it names."""
    if "$ref" not in schema:
        return schema
    found: Any = DOCUMENT
    for step in schema["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return resolved(found)


def branches(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a value may be: one schema, or each of `anyOf`."""
    whole = resolved(schema)
    several = whole.get("anyOf", whole.get("oneOf"))
    return [branch for each in several for branch in branches(each)] if several else [whole]


def _allows(schema: dict[str, Any], kind: str) -> bool:
    types = {branch.get("type") for branch in branches(schema)}
    return kind in types or (kind == "integer" and "number" in types)


def spelled(values: dict[str, str]) -> bytes:
    """Write an object whose values are JSON texts already."""
    text = ",".join(f"{json.dumps(name)}:{value}" for name, value in values.items())
    return f"{{{text}}}".encode("utf-8", "surrogateescape")


def bad(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is well-formed JSON and no value of this schema, each with the name of what is wrong with it."""
    for kind, sample in SAMPLES.items():
        if not _allows(schema, kind):
            yield f"{kind} for another type", sample
    if not _allows(schema, "array"):
        yield "nested a hundred deep", "[" * 100 + "]" * 100
    for branch in branches(schema):
        yield from BAD.get(branch["type"], lambda _: iter(()))(branch)
    for what, number in HUGE.items():
        yield what, number
    for what in ("NaN", "Infinity", "-Infinity"):  # no JSON, and read as numbers by many
        yield what, what


def _bad_strings(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for what, text in _wrong_texts(schema):
        yield what, json.dumps(text)


def _wrong_texts(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    checked = {"pattern", "format", "enum"} & schema.keys()
    if "maxLength" in schema:
        much = "x" * (schema["maxLength"] + 1)
        yield "too long", LONG.get(schema.get("format", ""), "{}").format(much)
    if checked or "maxLength" in schema:
        yield "far too long", "x" * 200_000
    if checked or schema.get("minLength", 0) > 0:
        yield "empty", ""
    if schema.get("pattern") == TRIMMED:
        yield "blank", " \t\n "
    if checked:
        yield "NUL", "\0"
        yield "NUL inside", "a\0b"
    for text in NOT_OF_FORMAT.get(schema.get("format", ""), []):
        yield f"no {schema['format']} {text!r}", text
    for value in schema.get("enum", []):
        yield "capitals", value.upper()
        yield "blank behind", value + " "
    if "enum" in schema:
        yield "none of them", "nonsense"
    if "pattern" in schema and "examples" in schema:
        yield from _unlike(schema["pattern"], schema["examples"][0])


def _unlike(pattern: str, example: str) -> Iterator[tuple[str, str]]:
    """Yield an example changed by a little, where that is no match any more."""
    middle = len(example) // 2
    changed = {
        "cut short": example[:-1],
        "one more": example + example[-1],
        "letter inside": f"{example[:middle]}x{example[middle + 1 :]}",
        "NUL inside an example": f"{example[:middle]}\0{example[middle:]}",
        "line break inside": f"{example[:middle]}\n{example[middle:]}",
        "other digits": example.translate({ord("0") + n: 0xFF10 + n for n in range(10)}),
        "Arabic digits": example.translate({ord("0") + n: 0x660 + n for n in range(10)}),
    }
    for what, text in changed.items():
        if not re.fullmatch(pattern, text, re.ASCII):
            yield what, text


def _bad_numbers(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for end, step in (("minimum", -1), ("maximum", 1)):
        if end in schema:
            yield f"beyond the {end}", str(schema[end] + step)
            yield f"far beyond the {end}", str(schema[end] + step * 10**30)
    if schema["type"] == "integer":
        yield "fraction", str(schema.get("minimum", 0) + 0.5)
        yield "fraction by a hair", f"{schema.get('minimum', 0) + 1}.000000000001"


def _bad_booleans(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if "const" in schema:
        yield "the other one", json.dumps(not schema["const"])


def _bad_arrays(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    fine = next(iter(good(schema["items"])))[1]
    if "maxItems" in schema:
        yield "too many", f"[{','.join([fine] * (schema['maxItems'] + 1))}]"
        yield "far too many", f"[{','.join([fine] * min(20_000, 500_000 // len(fine)))}]"  # in a body we read
    for what, text in bad(schema["items"]):
        yield f"item: {what}", f"[{fine},{text}]"


def _bad_objects(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    fine = _fine_object(schema)
    for field, inner in schema["properties"].items():
        for what, text in bad(inner):
            yield f"{field} · {what}", spelled(fine | {field: text}).decode("utf-8", "surrogateescape")
    for field in schema.get("required", []):
        yield f"without {field}", spelled({name: text for name, text in fine.items() if name != field}).decode()
    yield "a field nobody knows", spelled(fine | {"nonsense": "1"}).decode()


def _fine_object(schema: dict[str, Any]) -> dict[str, str]:
    return {name: next(iter(good(inner)))[1] for name, inner in schema["properties"].items()}


BAD = {
    "string": _bad_strings,
    "integer": _bad_numbers,
    "number": _bad_numbers,
    "boolean": _bad_booleans,
    "array": _bad_arrays,
    "object": _bad_objects,
}


def good(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield values at the edges of what this schema allows: the first is the plainest."""
    for branch in branches(schema):
        for what, value in GOOD[branch["type"]](branch):
            yield what, json.dumps(value)


def _good_strings(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for value in [*schema.get("examples", []), *schema.get("enum", [])]:
        yield f"example {value}", value
    if schema.get("format") or "enum" in schema or schema.get("pattern", TRIMMED) != TRIMMED:
        return
    yield "shortest", "x" * max(1, schema.get("minLength", 1))
    yield "longest", "x" * schema.get("maxLength", 1_000)
    yield "longest, beyond the first plane", "🍲" * schema.get("maxLength", 1_000)


def _good_numbers(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from ((end, schema[end]) for end in ("minimum", "maximum") if end in schema)
    if schema["type"] == "integer" and "minimum" in schema:
        yield "whole number with a point", float(schema["minimum"])
    yield from (("example", value) for value in schema.get("examples", []))


def _good_booleans(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from ((str(value), value) for value in ([schema["const"]] if "const" in schema else [True, False]))


def _good_arrays(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    fine = json.loads(next(iter(good(schema["items"])))[1])
    yield "none", []
    yield "most", [fine] * schema.get("maxItems", 5)


def _good_objects(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "as plain as can be", {name: json.loads(text) for name, text in _fine_object(schema).items()}


GOOD = {
    "string": _good_strings,
    "integer": _good_numbers,
    "number": _good_numbers,
    "boolean": _good_booleans,
    "array": _good_arrays,
    "object": _good_objects,
    "null": lambda _: iter([("null", None)]),
}
