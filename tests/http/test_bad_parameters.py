"""What comes in wrong in a path, a query or a header is refused by name, and what is somebody else's is not there.

The operations are those of the API's document, so that a new endpoint is attacked by being declared.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests

from tests.http.bad_input import NO_UUIDS, Operation, good, spelled
from tests.http.guests import EVERY, NOBODYS, Complaints, Guests, each, wrong
from tests.system import System


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
            answer = guests.send(operation, path=f"{guests.path(operation)}?{name}={quote(text)}")
            complaints.about(f"{name} · {text[:40]!r}", wrong(answer, 422, "invalid", f"query.{name}"))
        twice = f"{name}=1&{name}=1"
        answer = guests.send(operation, path=f"{guests.path(operation)}?{twice}")
        complaints.about(twice, wrong(answer, 422, "invalid", f"query.{name}"))
    for name in ("nonsense", "offset", "%00", "limit[]", "x" * 60):
        answer = guests.send(operation, path=f"{guests.path(operation)}?{name}=1")
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
            answer = guests.send(operation, path=f"{guests.path(operation)}?{name}={json.loads(text)}")
            assert answer.status_code in {200, 404}, answer.text


@each(some("header"))
def test_an_idempotency_key_that_is_none_is_refused_and_named(guests: Guests, operation: Operation):
    """Seen to fail with the check taken out of `Call.key`."""
    complaints, body = Complaints(), spelled(guests.body(operation))
    for key in ("", "x" * 256, "x" * 8_000, "a\tb", "a\x85b", "a\xa0b"):
        answer = guests.send(operation, body, Idempotency_Key=key)
        complaints.about(repr(key[:20]), wrong(answer, 422, "invalid", "header.Idempotency-Key"))
    assert complaints == []


@pytest.fixture(scope="module")
def theirs(system: System) -> dict[str, str]:
    """What belongs to somebody else, by the name of the field or parameter that would name it."""
    other = system.sign_in()
    booking = other.book()["id"]
    txn = other.post("/payments/initiate", {"booking_id": booking}).json()["merchant_txn_id"]
    quoted = other.post("/customer/quotes", other.wish()).json()["id"]
    return {"address_id": other.address(), "booking_id": booking, "txn": txn, "quote_id": quoted}


def told(ask: Callable[[str], requests.Response], ids: tuple[str, str]) -> list[tuple[int, bytes]]:
    return [(answer.status_code, answer.content) for answer in (ask(one) for one in ids)]


@each([one for one in some("path") if one.function != "admin"])  # to an admin nothing is somebody else's
def test_what_belongs_to_somebody_else_is_as_absent_as_what_is_not_there(
    guests: Guests, theirs: dict[str, str], operation: Operation
):
    """Seen to fail with the owner taken out of `own_address`."""
    body = spelled(guests.body(operation)) if operation.fields else None
    for name, _ in parameters(operation, "path"):
        first, second = told(
            lambda one, name=name: guests.send(operation, body, guests.path(operation, **{name: one})),
            (theirs[name], NOBODYS),
        )
        assert first == second
        assert first[0] == 404


@each([one for one in EVERY if {"address_id", "booking_id", "quote_id"} & one.fields.keys()])
def test_a_body_that_names_what_is_somebody_elses_gets_nothing_of_it(
    guests: Guests, theirs: dict[str, str], operation: Operation
):
    for name in theirs.keys() & operation.fields.keys():
        rest = {} if name == "quote_id" else guests.body(operation)
        first, second = told(
            lambda one, name=name, rest=rest: guests.send(operation, spelled(rest | {name: json.dumps(one)})),
            (theirs[name], NOBODYS),
        )
        assert first == second
        assert first[0] == (422 if name == "address_id" else 404)
