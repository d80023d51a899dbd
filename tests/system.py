"""The whole system under test, and clients that call it like an app."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import requests

from infra.local.processes import ReservedPort
from infra.postgres.engine import PostgresDatabase
from shared.invariants.run import Breach
from shared.kit.settings import Settings
from tests.breaches import find_breaches
from tests.postgres_server import plain_connection

READY_SECONDS = 90
STARTS = ("08:00", "10:30", "13:00", "15:30")  # two hours plus travel; tests use the evening freely
LAST_SHARED_DAY = 50  # slot() counts up from the first bookable day to here, day() down from the horizon
HIGH_LIMITS = {"BOOKINGS_PER_HOUR": "1000", "PAYMENTS_PER_HOUR": "1000"}  # tests do in a second what users do in a day
_numbers = count(1)


@dataclass
class System:
    """A running system: `url` is the router's, `urls` each server's and function's, `env` the functions' settings."""

    url: str
    data: Path
    process: "subprocess.Popen[bytes]"
    excused: set[tuple[str, UUID]] = field(default_factory=set)
    http: requests.Session = field(default_factory=requests.Session)
    _demo: dict[str, "Client"] = field(default_factory=dict)
    _slots: Iterator[int] = field(default_factory=count)
    _days: Iterator[int] = field(default_factory=lambda: count(58, -1))

    @property
    def api(self) -> str:
        return f"{self.url}/api/v1"

    @property
    def urls(self) -> dict[str, str]:
        return json.loads((self.data / "system.json").read_text())["urls"]

    @property
    def env(self) -> dict[str, str]:
        lines = (self.data / ".env").read_text().splitlines()
        pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
        return {name: value.strip("'") for name, value in pairs}

    def sql(self, statement: str, **values: Any) -> list[list[Any]]:
        """Run a statement in the system's database, to read what no endpoint returns or to move times."""
        with closing(plain_connection(self.env["DATABASE_URL"])) as connection:
            return list(connection.run(statement, **values) or [])

    def find_breaches(self) -> list[Breach]:
        """Return the invariant breaches in the system's database, except excused ones."""
        database = PostgresDatabase(self.env["DATABASE_URL"])
        try:
            return [
                breach
                for breach in find_breaches(database, datetime.now(UTC))
                if (breach.invariant, breach.subject_id) not in self.excused
            ]
        finally:
            database.dispose()

    def call(self, function: str, method: str, path: str, **options: Any) -> requests.Response:
        """Call a function directly, past the router, on a new connection: the server soon closes idle ones."""
        return requests.request(method, self.urls[function] + path, timeout=30, **options)

    def identity(self, audience: str, email: str) -> dict[str, str]:
        """Return the Authorization header of a platform account."""
        token = self.http.post(f"{self.urls['metadata']}/sign", json={"audience": audience, "email": email}, timeout=10)
        return {"Authorization": f"Bearer {token.json()['token']}"}

    def demo(self, name: str) -> "Client":
        """Return a demo account's client (admin, asha, ravi, meera), signed in once for all tests."""
        if name not in self._demo:
            self._demo[name] = self.sign_in(f"{name}@sizzle.example")
        return self._demo[name]

    def slot(self) -> dict[str, str]:
        """Return the date and time of a two-hour slot that no other test uses."""
        days, nth = divmod(next(self._slots), len(STARTS))
        assert 3 + days <= LAST_SHARED_DAY, "too many visits for one system"
        return {"booking_date": day(3 + days), "time_slot": STARTS[nth]}

    def day(self) -> str:
        """Return a date that no other test uses, counted down from the last bookable day."""
        ahead = next(self._days)
        assert ahead > LAST_SHARED_DAY, "too many days for one system"
        return day(ahead)

    def logs(self) -> dict[str, str]:
        """Return every process's log so far, by process name."""
        return {path.stem: path.read_text(errors="replace") for path in self.data.rglob("*.log")}

    def mails(self, to: str | None = None) -> list[dict[str, str]]:
        return self.http.get(f"{self.url}/_local/mail", params={"to": to} if to else {}, timeout=10).json()

    def sign_in(self, email: str | None = None) -> "Client":
        """Sign in by mail like an app; without an address, as a new customer."""
        address = email or f"person{next(_numbers)}.{os.getpid()}.{time.time_ns()}@test.example"
        known = len(self.mails(address))
        # Each test client needs its own IP: together they exceed one address's limit.
        client_header = new_client_header()
        sent = self.call("auth", "POST", "/api/v1/auth/send-otp", json={"email": address}, headers=client_header)
        assert sent.status_code == 200, sent.text
        assert len(self.mails(address)) == known + 1
        code = re.search(r"\b\d{6}\b", self.mails(address)[0]["text"])[0]  # type: ignore[index]
        presented = {"email": address, "otp": code}
        tokens = self.call("auth", "POST", "/api/v1/auth/verify-otp", json=presented, headers=client_header)
        assert tokens.status_code == 200, tokens.text
        return Client(self, address, tokens.json())

    def run_job(self, name: str) -> dict[str, Any]:
        """Run a scheduled job now, like the console's button."""
        url = f"{self.url}/_local/jobs/{name}/run"
        while (answer := self.http.post(url, timeout=60)).status_code == 409:
            time.sleep(0.1)  # the scheduler has just started the same job
        assert answer.status_code == 200, answer.text
        return answer.json()["did"]


@dataclass
class Client:
    """A signed-in user's client."""

    system: System
    email: str
    tokens: dict[str, Any]

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """Call the API; header names are written with underscores."""
        with_hyphens = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Authorization": f"Bearer {self.tokens['access_token']}"} | with_hyphens
        return self.system.http.request(method, self.system.api + path, json=body, headers=sent, timeout=30)

    def get(self, path: str, **headers: str) -> requests.Response:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> requests.Response:
        return self.call("POST", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> requests.Response:
        return self.call("PUT", path, body, **headers)

    def delete(self, path: str) -> requests.Response:
        return self.call("DELETE", path)

    def address(self, **overrides: Any) -> str:
        body = {
            "full_address": "12 Hill Road",
            "city": "Mumbai",
            "pincode": "400050",
            "latitude": 19.0596,
            "longitude": 72.8295,
        }
        answer = self.post("/customer/addresses", body | overrides)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def book(self, **overrides: Any) -> dict[str, Any]:
        """Book a two-hour slot of its own, with overrides."""
        answer = self.post(
            "/customer/bookings", overrides if "quote_id" in overrides else self.booking_body(**overrides)
        )
        assert answer.status_code == 201, answer.text
        return answer.json()

    def booking_body(self, **overrides: Any) -> dict[str, Any]:
        """Return the body of a booking request for a two-hour slot of its own, with overrides."""
        return self.system.slot() | {"address_id": overrides.get("address_id") or self.address()} | overrides

    def booking(self, booking_id: str) -> dict[str, Any]:
        return self.get(f"/customer/bookings/{booking_id}").json()

    def pay(self, booking_id: str, outcome: str = "pay") -> str:
        """Start a payment and press a button on the gateway's page; returns the attempt's merchant id."""
        page = self.post("/payments/initiate", {"booking_id": booking_id})
        assert page.status_code == 200, page.text
        self.system.http.post(page.json()["payment_url"], data={"outcome": outcome}, allow_redirects=False, timeout=10)
        return page.json()["merchant_txn_id"]


def new_client_header() -> dict[str, str]:
    """Return the header of a new client address (198.18.0.0/15 is reserved for tests)."""
    number = next(_numbers)
    return {"X-Forwarded-For": f"198.18.{number // 250}.{number % 250 + 1}"}


def day(ahead: int) -> str:
    return (date.today() + timedelta(days=ahead)).isoformat()  # noqa: DTZ011 - a day far enough ahead in any zone


def eventually(condition: Callable[[], Any], seconds: float = 15.0) -> Any:
    """Poll until the condition is true and return its value; raises after the given seconds."""
    until = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < until, f"did not happen in {seconds} s"
        time.sleep(0.1)
    return value


@contextmanager
def start_system(data: Path, *arguments: str, port: int | None = None, **environ: str) -> Iterator[System]:
    """Start what `make dev` starts, with its data in a folder; stop it at the end.

    Removes a developer's own settings from the environment: tests would write into that system.
    """
    reserved = ReservedPort()
    port = port or reserved.number
    inherited = {name: value for name, value in os.environ.items() if name.lower() not in Settings.names()}
    command = [
        sys.executable,
        "-m",
        "infra.local.dev",
        "--port",
        str(port),
        "--data",
        str(data),
        "--no-dotenv",
        *arguments,
    ]
    log_path = data.with_suffix(".dev.log")
    with log_path.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=inherited | HIGH_LIMITS | environ)
        running = System(f"http://127.0.0.1:{port}", data, process)
        try:
            _wait(running, process, log_path)
            yield running
        finally:
            running.http.close()
            process.terminate()
            process.wait(30)
            reserved.close()


def _wait(running: System, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + READY_SECONDS
    while "is ready" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.1)
    assert running.http.get(f"{running.url}/health", timeout=10).status_code == 200
