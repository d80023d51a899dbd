"""A function serves each of its routes from its first request, and imports only the modules the request needs."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from infra.local.functions import functions
from tests.architecture.probe import placeholders

ROOT = Path(__file__).parents[2]
LISTED = [one.name for one in functions(ROOT / "terraform/functions.yaml")]
# Sends requests, in this order, to a function that has just been imported; prints the responses and the modules.
SEND = """
import importlib, json, sys
from concurrent.futures import ThreadPoolExecutor
name, targets, at_once = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:]
from tests.framework import framed
app = framed(getattr(importlib.import_module(f"functions.{name}"), name).app)
def send(request):
    response = app.test_client().open(request[1], method=request[0])
    return [response.status_code, response.headers.get("Allow"), response.headers.get("Location")]
with ThreadPoolExecutor(8) as pool:
    responses = list((pool.map if at_once else map)(send, targets))
print(json.dumps({"responses": responses, "loaded": sorted(sys.modules)}))
"""
ALL = """
import importlib, json, sys
app = getattr(importlib.import_module(f"functions.{sys.argv[1]}"), sys.argv[1]).app
table = [(method, route.pattern, module) for route in app.table.routes for method, module in route.modules.items()]
modules = dict.fromkeys(module for _, _, module in table)
routes = {module: importlib.import_module(module).routes.endpoints for module in modules}
declared = [(item.method, item.path, module) for module, endpoints in routes.items() for item in endpoints]
print(json.dumps({"table": table, "declared": declared}))
"""


def run(code: str, *arguments: str) -> Any:
    env = os.environ | placeholders()
    command = [sys.executable, "-c", code, *arguments]
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(ran.stdout.splitlines()[-1])


def send(name: str, *targets: tuple[str, str], at_once: bool = False) -> dict[str, Any]:
    answered: dict[str, Any] = run(SEND, name, json.dumps(targets), *(["at once"] if at_once else []))
    return answered


@cache
def cold() -> set[str]:
    return set(send("customer", ("GET", "/health"))["loaded"])


def ours(loaded: list[str]) -> set[str]:
    return {name for name in loaded if name.startswith("functions.customer.")}


def listed(name: str) -> list[tuple[str, str]]:
    """Return the method and a path of each route of a function."""
    return [(method, path.replace("{", "").replace("}", "")) for method, path, _ in run(ALL, name)["table"]]


@pytest.mark.parametrize("name", LISTED)
def test_the_route_table_and_the_decorators_are_equal(name: str):
    """Fails for a handler that is missing in its function's table, or is listed there under another path or module."""
    found = run(ALL, name)
    assert sorted(found["table"]) == sorted(found["declared"])


@pytest.mark.parametrize("name", LISTED)
def test_no_path_matches_two_routes(name: str):
    """A path that two routes match would answer the methods of one of them only."""
    patterns = sorted({path for _, path, _ in run(ALL, name)["table"]})
    parts = {path: path.split("/") for path in patterns}
    alike = [
        (one, other)
        for one in patterns
        for other in patterns
        if one < other and len(parts[one]) == len(parts[other]) and all(map(_meet, parts[one], parts[other]))
    ]
    assert alike == []


def _meet(one: str, other: str) -> bool:
    return one == other or "{" in one or "{" in other


def test_health_imports_no_route_module():
    assert ours(sorted(cold())) == set()


def test_a_request_imports_its_own_route_module_only():
    assert ours(send("customer", ("GET", "/api/v1/customer/profile"))["loaded"]) == {"functions.customer.profile"}


def test_a_list_of_bookings_loads_nothing_of_booking_cancelling_or_paying():
    loaded = send("customer", ("GET", "/api/v1/customer/bookings"))["loaded"]
    rooms = {"booking", "cancellation", "reschedule", "line", "invoicing"}
    assert not {f"shared.lines.home_chef.{room}" for room in rooms} & set(loaded)
    assert not {"shared.payments.checkout", "shared.payments.settlement", "requests"} & set(loaded)


@pytest.mark.parametrize("name", LISTED)
def test_each_address_answers_to_the_first_request_there_is(name: str):
    paths = [(method, path.replace("/docs/name", "/docs/start.js")) for method, path in listed(name)]
    responses = send(name, *reversed(paths))["responses"]
    assert [status for status, _, _ in responses if status in {404, 405}] == []


def test_each_address_answers_where_everything_is_asked_for_at_once():
    endpoints = [one for one in listed("admin") if one[1] != "/health"]
    answered = send("admin", *endpoints * 3, at_once=True)
    assert {status for status, _, _ in answered["responses"]} == {401}


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/v1/customer/nothing", [404, None]),
        ("GET", "/api/v1/customer/bookingsandmore", [404, None]),
        ("GET", "/api/v1/customer/bookings/1/nothing", [404, None]),
        ("DELETE", "/api/v1/customer/bookings", [405, {"GET", "HEAD", "OPTIONS", "POST"}]),
        ("GET", "/api/v1/customer/quotes", [405, {"OPTIONS", "POST"}]),
        ("GET", "/api/v1/customer/bookings/", [401, None]),
    ],
)
def test_what_is_not_there_is_refused_as_if_all_were_loaded(method: str, path: str, expected: list[Any]):
    [[status, allow, _]] = send("customer", (method, path))["responses"]
    assert [status, set(allow.split(", ")) if allow else None] == expected


def test_slashes_too_many_lead_to_the_address_they_mean():
    [[status, _, location]] = send("customer", ("GET", "/api/v1//customer/bookings"))["responses"]
    assert (status, location) == (308, "/api/v1/customer/bookings")
