"""Invalid path, query and header values are refused, and the response names them.

The operations are those of the API's document, so that a new endpoint is attacked by being declared.
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from tests.http.bad_input import NO_UUIDS, Operation, good, spelled
from tests.http.guests import EVERY, Complaints, Guests, each, wrong


def parameters(operation: Operation, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((one["name"], one["schema"]) for one in operation.parameters if one["in"] == where)


def some(where: str) -> list[Operation]:
    return [one for one in EVERY if any(parameters(one, where)) and not one.is_callback]


@each(some("path"))
def test_a_path_that_names_nothing_is_refused(guests: Guests, operation: Operation):
    """Fails for the line break when the framework's own routing answers: a page of HTML, without our headers."""
    complaints, body = Complaints(), spelled(guests.body(operation)) if operation.fields else None
    for name, schema in parameters(operation, "path"):
        is_id = schema.get("format") == "uuid"
        for text in [*(NO_UUIDS if is_id else []), "\0", "a\0b", "\ud800", "\udcff", "x" * 4_000, "\r\n", "é", "🍲"]:
            raw = quote(text.encode("utf-8", "surrogateescape" if text == "\udcff" else "surrogatepass"), safe="")
            answer = guests.send(operation, body, operation.path.replace(f"{{{name}}}", raw))
            refused = wrong(answer, 422, "invalid", f"path.{name}")
            unknown = None if is_id or "\0" in text else wrong(answer, 404, "payment_not_found")
            complaints.about(f"{name} · {text[:40]!r}", refused if is_id or "\0" in text else unknown)
    assert complaints == []


@each(some("query"))
def test_a_query_that_is_not_as_documented_is_refused_and_named(guests: Guests, operation: Operation):
    """Seen to fail with unknown parameters ignored, and with the first of two taken."""
    complaints = Complaints()
    for name, schema in parameters(operation, "query"):
        for text in _bad_queries(schema):
            answer = guests.send(operation, path=guests.where(operation, (name, text)))
            complaints.about(f"{name} · {text[:40]!r}", wrong(answer, 422, "invalid", f"query.{name}"))
        answer = guests.send(operation, path=guests.where(operation, (name, "1"), (name, "1")))
        complaints.about(f"{name} twice", wrong(answer, 422, "invalid", f"query.{name}"))
    for name in ("nonsense", "offset", "\0", "limit[]", "x" * 60):
        answer = guests.send(operation, path=guests.where(operation, (name, "1")))
        complaints.about(name, wrong(answer, 422, "invalid", "query"))
    assert complaints == []


def _bad_queries(schema: dict[str, Any]) -> list[str]:
    if schema.get("type") == "string" and "pattern" in schema:  # a text to look for: any word is one
        return ["", "\0", "x" * 5_000]
    if schema.get("type") != "integer":
        return ["", "x", "\0", "x" * 5_000, "é", "null", "[]"]
    ends = [str(schema["minimum"] - 1), str(schema["maximum"] + 1)]
    return [*ends, "", "x", "1.5", "1e1", "NaN", "true", "null", "\0", "9" * 5_000, "-" + "9" * 400, "٥", "0x5", "1,2"]


@each(some("query"))
def test_a_query_as_documented_is_not_refused(guests: Guests, operation: Operation):
    for name, schema in parameters(operation, "query"):
        for _, text in good(schema) if schema.get("type") == "integer" or "$ref" in schema else ():
            answer = guests.send(operation, path=guests.where(operation, (name, json.loads(text))))
            named = {error["field"] for error in answer.json().get("errors", [])}
            assert f"query.{name}" not in named, answer.text
            assert str(answer.status_code) in operation.statuses, answer.text


@each([one for one in EVERY if "Idempotency-Key" in dict(parameters(one, "header"))])
def test_an_idempotency_key_that_is_none_is_refused_and_named(guests: Guests, operation: Operation):
    """Seen to fail with the check taken out of `Call.key`."""
    complaints, body = Complaints(), spelled(guests.body(operation))
    for key in ("", "x" * 256, "x" * 8_000, "a\tb", "a\x85b", "a\xa0b"):
        answer = guests.send(operation, body, Idempotency_Key=key)
        complaints.about(repr(key[:20]), wrong(answer, 422, "invalid", "header.Idempotency-Key"))
    assert complaints == []
