"""The whole system under test, and clients of it that do what an app does."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import requests

from infra.local.processes import free_port

READY_SECONDS = 90
_numbers = count(1)


@dataclass
class System:
    """A running copy: `url` is the router's; `urls` those of each piece and function; `env` what the functions were given."""

    url: str
    data: Path
    http: requests.Session = field(default_factory=requests.Session)

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

    def mails(self, to: str | None = None) -> list[dict[str, str]]:
        return self.http.get(f"{self.url}/_local/mail", params={"to": to} if to else {}, timeout=10).json()

    def sign_in(self, email: str | None = None) -> "Client":
        """Sign in by mail as an app does; without an address, as a customer nobody has met before."""
        address = email or f"person{next(_numbers)}.{os.getpid()}.{time.time_ns()}@test.example"
        known = len(self.mails(address))
        sent = self.http.post(f"{self.api}/auth/send-otp", json={"email": address}, timeout=10)
        assert sent.status_code == 200, sent.text
        assert len(self.mails(address)) == known + 1
        code = re.search(r"\b\d{6}\b", self.mails(address)[0]["text"])[0]  # type: ignore[index]
        tokens = self.http.post(f"{self.api}/auth/verify-otp", json={"email": address, "otp": code}, timeout=10)
        assert tokens.status_code == 200, tokens.text
        return Client(self, address, tokens.json())

    def run_job(self, name: str) -> dict[str, Any]:
        """Run a scheduled job now, as pressing the button in the console does."""
        answer = self.http.post(f"{self.url}/_local/jobs/{name}/run", timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()


@dataclass
class Client:
    """One signed-in person."""

    system: System
    email: str
    tokens: dict[str, Any]

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """Call the API; header names are written with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Authorization": f"Bearer {self.tokens['access_token']}"} | named
        return self.system.http.request(method, self.system.api + path, json=body, headers=sent, timeout=30)

    def get(self, path: str, **headers: str) -> requests.Response:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> requests.Response:
        return self.call("POST", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> requests.Response:
        return self.call("PUT", path, body, **headers)

    def delete(self, path: str) -> requests.Response:
        return self.call("DELETE", path)

    def address(self, **given: Any) -> str:
        home = {
            "full_address": "12 Hill Road",
            "city": "Mumbai",
            "pincode": "400050",
            "latitude": 19.0596,
            "longitude": 72.8295,
        }
        answer = self.post("/customer/addresses", home | given)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def pay(self, booking_id: str, outcome: str = "pay") -> str:
        """Start to pay and press a button on the gateway's page; returns our id of the attempt."""
        page = self.post("/payments/initiate", {"booking_id": booking_id})
        assert page.status_code == 200, page.text
        self.system.http.post(page.json()["payment_url"], data={"outcome": outcome}, allow_redirects=False, timeout=10)
        return page.json()["merchant_txn_id"]


def day(ahead: int) -> str:
    return (date.today() + timedelta(days=ahead)).isoformat()  # noqa: DTZ011 - a day far enough ahead in any zone


def eventually(ask: Callable[[], Any], seconds: float = 15.0) -> Any:
    """Return the first true answer; fails with the last one when none comes in time."""
    until = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < until, f"did not happen in {seconds} s"
        time.sleep(0.1)
    return answer


@contextmanager
def start_system(data: Path, **environ: str) -> Iterator[System]:
    """Start what `make dev` starts, with its data in a folder, and end it again."""
    port = free_port()
    command = [sys.executable, "-m", "infra.local.dev", "--port", str(port), "--data", str(data), "--no-dotenv"]
    with (data / "dev.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | environ)
        running = System(f"http://127.0.0.1:{port}", data)
        try:
            _wait(running, process, data / "dev.log")
            yield running
        finally:
            running.http.close()
            process.terminate()
            process.wait(30)


def _wait(running: System, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + READY_SECONDS
    while "is ready" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.1)
    assert running.http.get(f"{running.url}/health", timeout=10).status_code == 200
