"""Who sends what the API's document allows and forbids, and what is wrong with an answer."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
import requests

from tests.http.bad_input import Operation, operations
from tests.system import Client, System, day, stranger

NOBODYS = "5f2c1f6e-6a0c-4d1e-9a51-7f0c7b1d2e30"
LEAKS = ("Traceback", "pydantic", "sqlalchemy", "pg8000", "site-packages", ".py", "0x7f")
EVERY = operations()
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
        people = {"chef": self.chef, "admin": self.system.demo("admin")}
        person = people.get(operation.function, self.customer)
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
