"""Clients that send requests the API's document allows or forbids, and checks of the responses."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import pytest
import requests

from shared.lines.home_chef.visit import CHEF
from tests.http.bad_input import Operation, operations
from tests.system import Client, System, day, new_client_header

UNKNOWN_ID = "5f2c1f6e-6a0c-4d1e-9a51-7f0c7b1d2e30"
LEAKS = ("Traceback", "pydantic", "sqlalchemy", "pg8000", "site-packages", ".py", "0x7f")
EVERY = operations()
ONE_OF_SEVERAL = {"GET /customer/chefs": {"city": "Mumbai"}}  # or an address: the document cannot say that one must be
Body = bytes | Iterator[bytes] | None


@dataclass(frozen=True)
class Guests:
    """A client of each role, and the customer's address id for requests."""

    people: dict[str, Client]
    address: str
    urls: dict[str, str]
    http: requests.Session

    def headers(self, operation: Operation) -> dict[str, str]:
        if operation.role is None:
            return new_client_header()
        return {"Authorization": f"Bearer {self.people[operation.role].tokens['access_token']}"}

    def body(self, operation: Operation, field: str | None = None) -> dict[str, str]:
        """Return the document's example body with the caller's own ids and a bookable time; values as JSON texts.

        Of several shapes, it is the one with this field.
        """
        own = {**self._own, "day": day(20), "email": f"{uuid4().hex}@test.example"}
        if operation.path == "/api/v1/admin/locations":
            own["city"] = uuid4().hex  # a city in which other tests book nothing
        shown = operation.shown(field)
        return {name: json.dumps(own.get(name, value)) for name, value in shown.items()}

    @property
    def _own(self) -> dict[str, str]:
        return {"address_id": self.address, "booking_date": day(20)}

    def query(self, operation: Operation) -> dict[str, str]:
        """Return the required query parameters with the document's examples, and the customer's address."""
        taken = [one for one in operation.parameters if one["in"] == "query"]
        needed = [one for one in taken if one["required"] or one["name"] == "address_id"]
        return {one["name"]: self._own.get(one["name"]) or one["example"] for one in needed}

    def path(self, operation: Operation, **values: str) -> str:
        own = {"address_id": self.address} | values
        return re.sub(r"{(\w+)}", lambda name: quote(own.get(name[1], UNKNOWN_ID), safe=""), operation.path)

    def where(self, operation: Operation, *query: tuple[str, str], **values: str) -> str:
        """Return the URL path of these values with a query of the given and the required parameters."""
        names = {name for name, _ in query}
        needed = [(name, value) for name, value in self.query(operation).items() if name not in names]
        encoded = urlencode([*needed, *query])
        return self.path(operation, **values) + (f"?{encoded}" if encoded else "")

    def send(self, operation: Operation, body: Body = None, path: str | None = None, **headers: str) -> Any:
        """Send a body as JSON, or with the headers given (underscores for dashes; an empty one is left out)."""
        known = {"Content-Type": "application/json"} if body is not None else {}
        known |= self.headers(operation) | {name.replace("_", "-"): value for name, value in headers.items()}
        named = {name: value.encode("latin-1") for name, value in known.items() if value or name == "Idempotency-Key"}
        where = path or self.where(operation)
        url = self.urls[operation.function] + where
        return self.http.request(operation.method, url, data=body, headers=named, timeout=30)


def new_client(system: System, role: str) -> Client:
    """Sign in a new user and give them this role."""
    client = system.sign_in()
    system.sql("update users set role = :role where email = :email", role=role, email=client.email)
    if role == CHEF:
        profile = (
            "insert into providers (user_id, line, rate) select id, 'home_chef', 39900 from users where email = :email"
        )
        system.sql(profile, email=client.email)
    refreshed = client.post("/auth/refresh", {"refresh_token": client.tokens["refresh_token"]})
    return Client(system, client.email, refreshed.json())


def each(chosen: list[Operation]) -> Any:
    return pytest.mark.parametrize("operation", chosen, ids=str)


def wrong(answer: requests.Response, status: int, code: str, *fields: str) -> str | None:
    """Return how a response differs from this problem document about exactly these fields; None if it matches."""
    text = answer.content.decode()
    summary = f"{answer.status_code} {text[:200]}"
    if answer.status_code != status or answer.headers["Content-Type"] != "application/problem+json":
        return summary
    problem = answer.json()
    if (problem["status"], problem["code"]) != (status, code) or not (problem["title"] and problem["detail"]):
        return summary
    if status == 401 and not answer.headers.get("WWW-Authenticate", "").startswith("Bearer"):
        return f"without WWW-Authenticate: {summary}"
    named = {error["field"] for error in problem.get("errors", [])}
    if fields and not (named and all(_is_of(name, fields) for name in named)):
        return f"names {sorted(named)}: {summary}"
    leaked = [word for word in LEAKS if word in text]
    return f"tells {leaked}: {summary}" if leaked else None


def _is_of(name: str, fields: tuple[str, ...]) -> bool:
    return any(name == field or name.startswith(f"{field}.") for field in fields)


class Complaints(list[str]):
    """The unexpected responses, by case."""

    def about(self, case: str, complaint: str | None) -> None:
        if complaint:
            self.append(f"{case}: {complaint}")
