"""Whatever comes in wrong is refused for what it is, naming the field: every operation of the API's document.

The cases are generated (tests/http/bad_input.py), so that a new endpoint is attacked by being declared. One test sends
all of its cases for one operation; what was not refused as it should be is listed by field and case.
"""

import gzip
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
import requests

from tests.http.bad_input import BROKEN, NO_UUIDS, Operation, bad, good, operations, spelled
from tests.system import Client, System, day, stranger

NOBODYS = "5f2c1f6e-6a0c-4d1e-9a51-7f0c7b1d2e30"
MEGABYTE = 1024 * 1024
LEAKS = ("Traceback", "pydantic", "sqlalchemy", "pg8000", "site-packages", ".py", "psycopg", "0x7f")
EVERY = operations()
TAKING = [one for one in EVERY if one.fields and not one.is_callback]
CALLBACKS = [one for one in EVERY if one.is_callback]
Body = bytes | Iterator[bytes] | None


@dataclass(frozen=True)
class Guests:
    """Who sends: for each function somebody it lets in, with things of their own to name."""

    system: System
    customer: Client
    chef: Client
    address: str
    urls: dict[str, str]
    http: requests.Session

    def headers(self, operation: Operation) -> dict[str, str]:
        if operation.is_open:
            return stranger()
        person = self.chef if operation.function == "chef" else self.customer
        return {"Authorization": f"Bearer {person.tokens['access_token']}"}

    def body(self, operation: Operation) -> dict[str, str]:
        """Return the body the document shows, with what must be one's own or in time put right; values as JSON texts."""
        own = {"address_id": self.address, "booking_date": day(20), "email": f"{uuid4().hex}@test.example"}
        shown = operation.example or {}
        return {name: json.dumps(own.get(name, value)) for name, value in shown.items()}

    def path(self, operation: Operation, **values: str) -> str:
        own = {"address_id": self.address} | values
        return re.sub(r"{(\w+)}", lambda name: quote(own.get(name[1], NOBODYS), safe=""), operation.path)

    def send(self, operation: Operation, body: Body = None, path: str | None = None, **headers: str) -> Any:
        """Send a body as JSON, or with the headers given (underscores for dashes; an empty one is left out)."""
        known = {"Content-Type": "application/json"} if body is not None else {}
        known |= self.headers(operation) | {name.replace("_", "-"): value for name, value in headers.items()}
        named = {name: value.encode("latin-1") for name, value in known.items() if value or name == "Idempotency-Key"}
        where = path or self.path(operation)
        url = self.urls[operation.function] + where
        return self.http.request(operation.method, url, data=body, headers=named, timeout=30)


@pytest.fixture(scope="module")
def people(system: System) -> tuple[Client, Client, str]:
    """A customer whose address nobody serves, so that no visit is booked, and a chef who is never offered one."""
    customer, chef = system.sign_in(), system.sign_in()
    system.sql("update users set role = 'chef' where email = :email", email=chef.email)
    system.sql("insert into chef_profiles (user_id) select id from users where email = :email", email=chef.email)
    return customer, chef, customer.address(latitude=28.6, longitude=77.2)


@pytest.fixture
def guests(system: System, people: tuple[Client, Client, str]) -> Iterator[Guests]:
    """They come with a connection of their own, as one that rests between two tests is soon closed."""
    with requests.Session() as http:
        yield Guests(system, *people, system.urls, http)


def each(chosen: list[Operation]) -> Any:
    return pytest.mark.parametrize("operation", chosen, ids=str)


def wrong(answer: requests.Response, status: int, code: str, *fields: str) -> str | None:
    """Tell in what an answer is not this problem document, about exactly these fields; None when it is."""
    text = answer.content.decode()
    said = f"{answer.status_code} {text[:200]}"
    if answer.status_code != status or answer.headers["Content-Type"] != "application/problem+json":
        return said
    problem = answer.json()
    if (problem["status"], problem["code"]) != (status, code) or not (problem["title"] and problem["detail"]):
        return said
    named = {error["field"] for error in problem.get("errors", [])}
    if fields and not (named and all(_is_of(name, fields) for name in named)):
        return f"names {sorted(named)}: {said}"
    leaked = [word for word in LEAKS if word in text]
    return f"tells {leaked}: {said}" if leaked else None


def _is_of(name: str, fields: tuple[str, ...]) -> bool:
    return any(name == field or name.startswith(f"{field}.") for field in fields)


class Complaints(list[str]):
    """What was not answered as it should be."""

    def about(self, case: str, complaint: str | None) -> None:
        if complaint:
            self.append(f"{case}: {complaint}")


@each(TAKING)
def test_a_bad_value_is_refused_and_its_field_is_named(guests: Guests, operation: Operation):
    complaints, body = Complaints(), guests.body(operation)
    for field, schema in operation.fields.items():
        for what, text in bad(schema):
            answer = guests.send(operation, spelled(body | {field: text}))
            complaints.about(f"{field} · {what}", wrong(answer, 422, "invalid", field))
    assert complaints == []


@each(TAKING)
def test_what_is_no_json_is_malformed_whichever_field_it_is_in(guests: Guests, operation: Operation):
    """A lone surrogate that came through would break the answer or the driver: a 500 for anybody who sends it."""
    complaints, body = Complaints(), guests.body(operation)
    for field in operation.fields:
        for what, text in BROKEN.items():
            answer = guests.send(operation, spelled(body | {field: text}))
            complaints.about(f"{field} · {what}", wrong(answer, 400, "malformed_json"))
    assert complaints == []


@each(TAKING)
def test_a_good_value_is_not_refused_for_its_field(guests: Guests, operation: Operation):
    """Without it, an endpoint that refuses everything would pass the others."""
    complaints = Complaints()
    for case, values in _good_bodies(guests, operation):
        answer = guests.send(operation, spelled(values))
        field = case.partition(" · ")[0]
        named = {error["field"] for error in answer.json().get("errors", [])} if answer.content else set()
        if answer.status_code in {400, 413, 415} or answer.status_code >= 500 or field in named:
            complaints.about(case, answer.text)
        elif str(answer.status_code) not in operation.statuses:
            complaints.about(case, f"{answer.status_code} is not documented")
        if case == "as shown" and answer.status_code == 422:
            complaints.about(case, answer.text)
    assert complaints == []


def _good_bodies(guests: Guests, operation: Operation) -> Iterator[tuple[str, dict[str, str]]]:
    yield "as shown", guests.body(operation)
    body = guests.body(operation)
    yield "only what is required", {name: body[name] for name in body if name in operation.required}
    for field, schema in operation.fields.items():
        for what, text in good(schema):
            yield f"{field} · {what}", guests.body(operation) | {field: text}


@each([one for one in TAKING if one.required])
def test_a_missing_field_is_named(guests: Guests, operation: Operation):
    complaints, body = Complaints(), guests.body(operation)
    for field in operation.required:
        left = {name: text for name, text in body.items() if name != field}
        complaints.about(field, wrong(guests.send(operation, spelled(left)), 422, "invalid", field))
    for nothing in (b"", b"{}"):
        answer = guests.send(operation, nothing)
        complaints.about(repr(nothing), wrong(answer, 422, "invalid", *operation.required))
    assert complaints == []


@each(TAKING)
def test_a_field_nobody_knows_is_refused_and_named(guests: Guests, operation: Operation):
    complaints, body = Complaints(), guests.body(operation)
    for name in ("nonsense", "id", "user_id", "role", "__proto__", "a.b", "\0", "Email", "naïve", "x" * 60):
        answer = guests.send(operation, spelled(body | {name: "1"}))
        complaints.about(repr(name), wrong(answer, 422, "invalid", name))
    for broken in (b'{"\\ud800": 1}', b'{"\xff": 1}'):
        complaints.about(repr(broken), wrong(guests.send(operation, broken), 400, "malformed_json"))
    assert complaints == []


@each(TAKING)
def test_the_answer_to_a_hundred_thousand_wrong_fields_is_short(guests: Guests, operation: Operation):
    """Fails when all of them are named: a megabyte would be answered with six, made in most of a second."""
    for body in (spelled({f"{n:x}": "1" for n in range(90_000)}), spelled({"x" * 1_000_000: "1"})):
        answer = guests.send(operation, body)
        assert wrong(answer, 422, "invalid") is None
        assert len(answer.content) < 10_000


@each(TAKING)
def test_a_field_said_twice_is_refused_and_named(guests: Guests, operation: Operation):
    """Fails when the last one counts: what looks at a body before us may have believed the first."""
    complaints, body = Complaints(), guests.body(operation)
    for field, text in body.items():
        twice = spelled(body)[:-1] + b"," + spelled({field: text})[1:]
        complaints.about(field, wrong(guests.send(operation, twice), 422, "invalid", field))
    assert complaints == []


@each(TAKING)
def test_a_body_that_is_no_object_of_json_is_refused(guests: Guests, operation: Operation):
    complaints, fine = Complaints(), spelled(guests.body(operation))
    for text in (b"[]", b'["x"]', b'"x"', b"5", b"null", b"true", b"NaN", b"1e400", b"[" * 100 + b"]" * 100):
        complaints.about(repr(text[:20]), wrong(guests.send(operation, text), 422, "invalid", "body"))
    broken = [fine[:-1], fine + b"}", fine + fine, fine[:-1] + b",}", b"\xef\xbb\xbf" + fine, gzip.compress(fine)]
    broken += [fine.decode().encode("utf-16"), b"[" * 100_000, b'{"a":' * 100_000, b"{'a': 1}", b"a=1", b"\0"]
    broken += [fine[:-1] + b',"\xed\xa0\x80":1}', b"/**/" + fine, b"\xff", b"<a>1</a>"]
    for text in broken:
        complaints.about(repr(text[:20]), wrong(guests.send(operation, text), 400, "malformed_json"))
    assert complaints == []


@each(TAKING)
def test_a_body_of_another_or_no_type_is_refused(guests: Guests, operation: Operation):
    complaints, fine = Complaints(), spelled(guests.body(operation))
    for kind in ("", "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = guests.send(operation, fine, Content_Type=kind)
        complaints.about(kind or "none", wrong(answer, 415, "unsupported_media_type"))
    assert complaints == []


@each([one for one in EVERY if one.fields])
def test_a_body_over_a_megabyte_is_too_large_with_and_without_its_length(guests: Guests, operation: Operation):
    fine = spelled(guests.body(operation))
    whole = fine + b" " * (MEGABYTE + 1 - len(fine))
    for body in (whole, iter([whole[:600_000], whole[600_000:]])):
        answer = guests.send(operation, body, Connection="close")  # nobody reads the rest, so it is not used again
        assert wrong(answer, 413, "request_entity_too_large") is None


@each(CALLBACKS)
def test_a_callback_is_unsigned_whatever_its_body_holds(guests: Guests, operation: Operation):
    complaints = Complaints()
    [(field, schema)] = operation.fields.items()
    bodies = [spelled({field: text}) for _, text in bad(schema)] + [spelled({field: text}) for text in BROKEN.values()]
    for body in [*bodies, b"", b"{}", b"[]", b"null", b"5", b"\xff", b'{"response":"e30=","response":"e30="}']:
        for signature in ("", "x", "0" * 64 + "###1", "0" * 64 + "###" + "9" * 400, "###", "0" * 4_000 + "###1"):
            answer = guests.send(operation, body, X_VERIFY=signature)
            complaints.about(f"{body[:40]!r} signed {signature[:10]}", wrong(answer, 401, "invalid_signature"))
    assert complaints == []


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


@each(some("path"))
def test_what_belongs_to_somebody_else_is_as_absent_as_what_is_not_there(
    guests: Guests, theirs: dict[str, str], operation: Operation
):
    body = spelled(guests.body(operation)) if operation.fields else None
    for name, _ in parameters(operation, "path"):
        first, second = told(
            lambda one, name=name: guests.send(operation, body, guests.path(operation, **{name: one})),
            (theirs[name], NOBODYS),
        )
        assert first == second
        assert first[0] == 404


@each([one for one in TAKING if {"address_id", "booking_id", "quote_id"} & one.fields.keys()])
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
