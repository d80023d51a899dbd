"""`make dev`: two copies at once, shutdown, restart, killed processes."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
import requests

from infra.local.functions import functions
from infra.local.processes import ReservedPort
from tests.postgres_server import shared_postgres
from tests.system import System, eventually, start_system


def running() -> dict[int, tuple[int, str]]:
    """Return every process of this machine: its parent and its command line."""
    listed = subprocess.run(
        ["ps", "-eww", "-o", "pid=,ppid=,stat=,args="], check=True, capture_output=True, text=True
    ).stdout
    rows = (line.split(None, 3) for line in listed.splitlines())
    return {int(row[0]): (int(row[1]), row[3]) for row in rows if len(row) == 4 and not row[2].startswith("Z")}


def family(system: System) -> set[int]:
    """Return all processes of a copy: its descendants, and those with its folder in their command line."""
    known, all_of_them = {system.process.pid}, running()
    known |= {pid for pid, (_, command) in all_of_them.items() if str(system.data) in command}
    while more := {pid for pid, (parent, _) in all_of_them.items() if parent in known} - known:
        known |= more
    return known


def ended(pids: set[int]) -> bool:
    return not pids & running().keys()


@contextmanager
def two(folder: Path) -> Iterator[list[System]]:
    """Start two copies at the same time."""
    with ExitStack() as stack:
        copies = [start_system(folder / name) for name in ("one", "two")]
        for name in ("one", "two"):
            (folder / name).mkdir()
        with ThreadPoolExecutor(2) as threads:
            yield list(threads.map(stack.enter_context, copies))


def test_two_copies_live_and_die_apart(tmp_path: Path):
    with two(tmp_path) as (one, other):
        assert not set(one.urls.values()) & set(other.urls.values())
        guest = one.sign_in()
        assert guest.get("/customer/profile").status_code == 200
        assert not other.mails(guest.email)
        headers = {"Authorization": f"Bearer {guest.tokens['access_token']}"}
        assert other.http.get(f"{other.api}/customer/profile", headers=headers, timeout=10).status_code == 401

        everybody = family(one)
        assert len(everybody) > len(functions()) + 8
        one.process.send_signal(signal.SIGINT)
        assert one.process.wait(20) == 0
        assert eventually(lambda: ended(everybody))
        assert other.sign_in().get("/customer/profile").status_code == 200

        everybody = family(other)
        other.process.kill()
        other.process.wait(5)
        if sys.platform == "linux":  # on other systems a process is not notified of its parent's death
            assert eventually(lambda: ended(everybody), 20)


@pytest.fixture
def port() -> Iterator[int]:
    reserved = ReservedPort()
    yield reserved.number
    reserved.close()


def test_what_was_made_survives_a_restart_and_not_a_reset(tmp_path: Path, port: int):
    with start_system(tmp_path, port=port) as first:
        guest = first.sign_in()
        booking = guest.book()
        page = guest.post("/payments/initiate", {"booking_id": booking["id"]}).json()
        eventually(lambda: len(first.mails(guest.email)) == 2)  # the code, and what was booked
        mails = first.mails(guest.email)
        everybody = family(first)
    assert first.process.returncode == 0
    assert ended(everybody)

    with start_system(tmp_path, port=port) as second:
        guest.system = second
        assert guest.booking(booking["id"])["ref"] == booking["ref"]
        assert second.mails(guest.email) == mails
        body = {"refresh_token": guest.tokens["refresh_token"]}
        assert second.http.post(f"{second.api}/auth/refresh", json=body, timeout=10).status_code == 200
        assert guest.post("/payments/initiate", {"booking_id": booking["id"]}).json() == page
        second.http.post(page["payment_url"], data={"outcome": "pay"}, allow_redirects=False, timeout=10)
        assert eventually(lambda: guest.booking(booking["id"])["status"] == "confirmed")

    with start_system(tmp_path, "--reset", port=port) as third:
        guest.system = third
        assert guest.get("/customer/profile").status_code == 401
        assert third.mails() == []
        assert third.sql("select count(*) from bookings") == [[0]]
        assert third.demo("meera").get("/customer/addresses").json()["items"]


def test_a_database_that_is_given_is_used_and_none_of_its_own_is_started(tmp_path: Path):
    url = shared_postgres().new_database()
    with start_system(tmp_path, DATABASE_URL=url) as system:
        assert system.env["DATABASE_URL"] == url
        assert system.sign_in().get("/customer/profile").status_code == 200
        assert not (tmp_path / "logs" / "postgres.log").exists()
        commands = running()
        assert not [pid for pid in family(system) if "postgres" in commands[pid][1]]


def test_a_function_that_is_killed_is_started_again(system: System):
    def customer() -> set[int]:
        mine, commands = family(system), running()
        return {pid for pid in mine if "--target=customer" in commands.get(pid, (0, ""))[1]}

    before = customer()
    assert before
    for pid in before:
        os.kill(pid, signal.SIGKILL)

    def answers() -> bool:
        answer = requests.get(f"{system.url}/api/v1/customer/profile", timeout=10)
        assert answer.status_code in {401, 502}
        return answer.status_code == 401

    assert eventually(lambda: answers() and customer())
    assert not before & customer()
    assert system.demo("meera").get("/customer/profile").status_code == 200
    assert "customer ended and is restarted" in system.data.with_suffix(".dev.log").read_text()


@pytest.mark.parametrize("reset", [(), ("--reset",)])
def test_a_port_that_is_taken_is_said_before_anything_is_touched(tmp_path: Path, reset: tuple[str, ...]):
    """Fails when only the router detects it: the copy on that port would serve its requests, and lose its data."""
    (tmp_path / "kept").write_text("by the copy that runs")
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        command = [
            sys.executable,
            "-m",
            "infra.local.dev",
            "--port",
            port,
            "--data",
            str(tmp_path),
            "--no-dotenv",
            *reset,
        ]
        refused = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert refused.returncode == 1
    assert f"Port {port} is taken" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_secrets_are_for_their_owner_only(system: System):
    for name in (".env", "secrets.json"):
        assert (system.data / name).stat().st_mode & 0o077 == 0
    log_text = system.data.with_suffix(".dev.log").read_text()
    assert not [value for name, value in system.env.items() if "KEYS" in name and value.partition(":")[2] in log_text]


def test_no_secret_is_in_a_command_line(system: System):
    """Fails when a piece is given its key as an argument: everybody on the machine can read those."""
    mine, commands = family(system), running()
    secrets = [
        system.env[name].partition(":")[2] for name in ("JWT_KEYS", "OTP_KEYS", "REFRESH_KEYS", "PHONEPE_SALT_KEYS")
    ]
    secrets += [system.env["UPSTASH_REDIS_REST_TOKEN"], system.env["PHONEPE_CLIENT_SECRET"]]
    secrets.append(system.env["PHONEPE_WEBHOOK_KEYS"].partition(":")[2])
    for pid in mine & commands.keys():
        assert not [secret for secret in secrets if secret in commands[pid][1]], commands[pid][1][:60]
