"""Faults of the Cloud Tasks stand-in on demand, its page, and the stand-in as a process."""

import os
import signal
import socket
import subprocess
import sys
import time
from datetime import datetime

import pytest
import requests

from tests.google_servers import GoogleServers, Worker
from tests.local.cloud_tasks_client import QUEUES, Client, in_, refusal
from tests.waiting import started, until


@pytest.fixture
def functions(tmp_path):
    path = tmp_path / "functions.yaml"
    path.write_text(QUEUES)
    return path


@pytest.fixture
def worker():
    with Worker() as running:
        yield running


@pytest.fixture
def google(tmp_path, functions):
    with GoogleServers(tmp_path, functions) as servers:
        yield Client(servers)


def test_a_task_comes_twice_on_demand(google, worker):
    google.fault(duplicate=1)
    google.create(worker, "twin")

    first, second = worker.wait_for(2)
    assert first.headers["X-CloudTasks-TaskName"] == second.headers["X-CloudTasks-TaskName"] == "twin"
    google.create(worker, "single-child")
    until(lambda: google.states()["single-child"] == "done")
    assert len(worker.received) == 3


def test_a_task_is_lost_on_demand(google, worker):
    google.fault(drop=1)
    assert google.create(worker, "lost").status_code == 200
    google.create(worker, "found")

    worker.wait_for(1)
    until(lambda: google.states() == {"lost": "dropped", "found": "done"})


def test_tasks_come_late_on_demand(google, worker):
    google.fault(delay_seconds=0.3)
    started = time.monotonic()
    google.create(worker)

    worker.wait_for(1)
    assert time.monotonic() - started >= 0.3


def test_tasks_come_in_reverse_on_demand(google, worker):
    google.fault(reorder=True)
    google.call("POST", "single:pause", {})
    for name in ("a", "b", "c"):
        google.create(worker, name, queue="single")
    google.call("POST", "single:resume", {})

    assert [received.headers["X-CloudTasks-TaskName"] for received in worker.wait_for(3)] == ["c", "b", "a"]


def test_it_is_down_on_demand(google, worker):
    google.create(worker, "waiting", scheduleTime=in_(seconds=0.1))
    google.fault(down=True)

    assert refusal(google.create(worker)) == (503, "UNAVAILABLE")
    time.sleep(0.2)
    assert worker.received == []
    google.fault()
    worker.wait_for(1)


def test_an_unknown_fault_is_refused(google):
    answer = requests.post(f"{google.servers.tasks_url}/_local/tasks/faults", json={"dwon": True}, timeout=5)
    assert refusal(answer) == (400, "INVALID_ARGUMENT")


def test_tasks_are_listed_newest_first(google, worker):
    for name in ("a", "b", "c"):
        google.create(worker, name, scheduleTime=in_(hours=1))

    newest, older = google.listed(limit=2)
    assert (newest["name"], older["name"]) == ("c", "b")
    assert {key: newest[key] for key in ("queue", "url", "state", "attempts", "last_status")} == {
        "queue": "quick",
        "url": f"{worker.url}/work",
        "state": "scheduled",
        "attempts": 0,
        "last_status": None,
    }
    assert datetime.fromisoformat(newest["at"]).tzinfo is not None


def test_a_browser_gets_a_page_that_escapes_what_it_shows(google, worker):
    google.create(worker, path="/<script>", scheduleTime=in_(hours=1))

    answer = requests.get(
        f"{google.servers.tasks_url}/_local/tasks", headers={"Accept": "text/html,*/*;q=0.8"}, timeout=5
    )
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "/&lt;script&gt;" in answer.text
    assert "<script>" not in answer.text


def test_it_runs_as_a_process_and_ends_cleanly_on_sigterm(google, functions, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "infra.local.cloud_tasks",
        "--port",
        str(port),
        "--metadata",
        google.servers.metadata_host,
    ]
    command += ["--queues", str(functions), "--data", str(tmp_path / "own")]
    with started(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ) as process:
        until(lambda: healthy(port))
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert process.stdout.read() == b""


def healthy(port):
    try:
        return requests.get(f"http://127.0.0.1:{port}/health", timeout=1).status_code == 200
    except requests.RequestException:
        return False
