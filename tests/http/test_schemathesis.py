"""Schemathesis against the running functions: every response is one the API's document describes.

No 500, no status, header, media type or shape beside the document; what is not as documented is refused; ids flow
along the document's links from one operation to the next. The normal run is the same each time; `make fuzz` sends more
and other requests, and ARGS are arguments of `schemathesis run`.
"""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from shared.lines.home_chef.visit import CHEF
from shared.users.models import ADMIN, CUSTOMER
from tests.http.bad_input import DOCUMENT
from tests.http.guests import EVERY
from tests.http.others import MADE, Others
from tests.system import System, day, start_system

ARGUMENTS = "--max-examples 10 --seed 1"
CONFIG = Path(__file__).with_name("schemathesis.toml")
PEOPLE = {CUSTOMER: "meera", CHEF: "asha", ADMIN: "admin"}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A separate system, because the admin's generated requests change any data."""
    with start_system(tmp_path_factory.mktemp("fuzzed")) as running:
        yield running


@pytest.fixture(scope="module")
def things(own: System) -> dict[tuple[str, str], str]:
    """Return an id of the customer's and the chef's own for each parameter, so that not every response is a 404."""
    made = Others(own.demo(PEOPLE[CUSTOMER]))
    return {key: made.id_of(*key) for key in MADE}


def document(role: str | None, things: dict[tuple[str, str], str]) -> dict[str, Any]:
    """Return the API's document reduced to this role's operations, with existing ids as examples."""
    found = DOCUMENT | {"paths": {}}
    known = {name: one for (whose, name), one in things.items() if whose == role}
    for path, methods in DOCUMENT["paths"].items():
        found["paths"][path] = {
            name: _naming(operation, known) for name, operation in methods.items() if operation.get("x-role") == role
        }
    return found


def _naming(operation: dict[str, Any], known: dict[str, str]) -> dict[str, Any]:
    operation = deepcopy(operation)
    for parameter in operation.get("parameters", []):
        if parameter.get("name") in known:
            parameter["example"] = known[parameter["name"]]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        content["example"] |= {name: one for name, one in known.items() if name in content["example"]}
        if "booking_date" in content["example"]:
            content["example"]["booking_date"] = day(20)
    return operation


@pytest.mark.parametrize("role", sorted({one.role for one in EVERY}, key=str))
def test_every_response_is_documented(
    own: System, things: dict[tuple[str, str], str], tmp_path: Path, role: str | None
):
    """Seen to fail with a status, the type of a field or of a header, and the most of a limit changed in the document."""
    schema = tmp_path / "openapi.json"
    schema.write_text(json.dumps(document(role, things)))
    token = own.demo(PEOPLE[role]).tokens["access_token"] if role else None
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "--config-file",
        str(CONFIG),
        "run",
        str(schema),
        "--url",
        own.url,
    ]
    command += ["--header", f"Authorization: Bearer {token}"] if token else []
    command += shlex.split(os.environ.get("SCHEMATHESIS", ARGUMENTS))
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
