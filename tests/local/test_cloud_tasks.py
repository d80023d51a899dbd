"""The Cloud Tasks stand-in over its REST API, with a worker that answers as told."""

import base64
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import requests

from infra.google import InvokerTokens
from infra.local.cloud_tasks import Queue
from tests.google_servers import GoogleServers, Worker
from tests.waiting import until

INVOKER = "invoker@test-project.iam.gserviceaccount.com"
FUNCTIONS = """
queues:
  quick: {max_dispatches_per_second: 500, max_concurrent_dispatches: 20, max_attempts: 3, min_backoff: 0.05s, max_backoff: 0.1s}
  metered: {max_dispatches_per_second: 10}
  single: {max_concurrent_dispatches: 1}
"""


@pytest.fixture
def functions(tmp_path):
    path = tmp_path / "functions.yaml"
    path.write_text(FUNCTIONS)
    return path


@pytest.fixture
def worker():
    with Worker() as running:
        yield running


@pytest.fixture
def google(tmp_path, functions):
    with GoogleServers(tmp_path, functions) as servers:
        yield Client(servers)


class Client:
    """Speaks JSON to the stand-in, as anybody with an access token may."""

    def __init__(self, servers):
        self.servers = servers
        self.token = servers.identity().access_token()

    def ask(self, method, path, body=None, token=None):
        url = f"{self.servers.tasks_url}/v2/{self.servers.location}/queues/{path}"
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return requests.request(method, url, json=body, headers=headers, timeout=5)

    def create(self, worker, name=None, queue="quick", path="/work", **task):
        http = {
            "url": worker.url + path,
            "body": base64.b64encode(b'{"id": 1}').decode(),
            "headers": {"Content-Type": "a/b"},
        }
        wanted = {"httpRequest": http, **({"name": self.name(name, queue)} if name else {}), **task}
        return self.ask("POST", f"{queue}/tasks", {"task": wanted})

    def name(self, name, queue="quick"):
        return f"{self.servers.location}/queues/{queue}/tasks/{name}"

    def fault(self, **faults):
        requests.post(f"{self.servers.tasks_url}/_local/tasks/faults", json=faults, timeout=5).raise_for_status()

    def listed(self, limit=100):
        return requests.get(f"{self.servers.tasks_url}/_local/tasks?limit={limit}", timeout=5).json()["tasks"]

    def states(self):
        return {task["name"]: task["state"] for task in self.listed()}


def refusal(answer):
    error = answer.json()["error"]
    assert error["code"] == answer.status_code
    return answer.status_code, error["status"]


def in_(**delta):
    return (datetime.now(UTC) + timedelta(**delta)).isoformat().replace("+00:00", "Z")


def test_a_task_arrives_as_cloud_tasks_sends_it(google, worker):
    created = google.create(worker, "a-1").json()
    [received] = worker.wait_for(1)

    assert (received.method, received.path, received.body) == ("POST", "/work", b'{"id": 1}')
    assert received.headers["Content-Type"] == "a/b"
    assert received.headers["User-Agent"] == "Google-Cloud-Tasks"
    assert received.headers["X-CloudTasks-QueueName"] == "quick"
    assert received.headers["X-CloudTasks-TaskName"] == "a-1"
    assert received.headers["X-CloudTasks-TaskRetryCount"] == "0"
    assert received.headers["X-CloudTasks-TaskExecutionCount"] == "0"
    assert abs(float(received.headers["X-CloudTasks-TaskETA"]) - time.time()) < 5
    assert "Authorization" not in received.headers
    assert created["name"] == google.name("a-1")
    assert created["httpRequest"]["url"] == f"{worker.url}/work"
    assert created["dispatchDeadline"] == "600s"
    assert "body" not in created["httpRequest"]  # the BASIC view
    until(lambda: google.states() == {"a-1": "done"})


def test_a_task_with_an_invoker_carries_its_token_for_the_audience(google, worker):
    http = {
        "url": f"{worker.url}/work",
        "oidcToken": {"serviceAccountEmail": INVOKER, "audience": "https://tasks.test"},
    }
    google.ask("POST", "quick/tasks", {"task": {"httpRequest": http}})
    [received] = worker.wait_for(1)

    tokens = InvokerTokens(google.servers.issuer, google.servers.jwks_url, "https://tasks.test", frozenset({INVOKER}))
    assert tokens.verify(received.headers["Authorization"].removeprefix("Bearer ")) == INVOKER


def test_what_a_task_says_in_place_of_cloud_tasks_is_not_believed(google, worker):
    lies = {
        "X-CloudTasks-TaskRetryCount": "7",
        "x-cloudtasks-queuename": "other",
        "Host": "elsewhere",
        "User-Agent": "me",
    }
    google.ask("POST", "quick/tasks", {"task": {"httpRequest": {"url": worker.url, "headers": lies}}})
    [received] = worker.wait_for(1)

    told = {name.lower(): value for name, value in received.headers.items()}
    assert told["x-cloudtasks-taskretrycount"] == "0"
    assert told["x-cloudtasks-queuename"] == "quick"
    assert told["host"] == worker.url.removeprefix("http://")
    assert told["user-agent"] == "Google-Cloud-Tasks"


def test_an_unnamed_task_gets_a_name_and_runs(google, worker):
    first, second = (google.create(worker).json()["name"] for _ in range(2))

    assert first != second
    assert first.rpartition("/")[2].isdigit()
    worker.wait_for(2)


def test_a_name_once_used_is_refused_for_a_day(tmp_path, functions, worker):
    with GoogleServers(tmp_path, functions) as servers:
        google = Client(servers)
        assert google.create(worker, "once").status_code == 200
        assert refusal(google.create(worker, "once")) == (409, "ALREADY_EXISTS")
        until(lambda: google.states()["once"] == "done")
        assert refusal(google.create(worker, "once")) == (409, "ALREADY_EXISTS")
        assert google.create(worker, "once", queue="single").status_code == 200  # names are a queue's own
    with GoogleServers(tmp_path, functions) as servers:
        assert refusal(Client(servers).create(worker, "once")) == (409, "ALREADY_EXISTS")
    assert len(worker.wait_for(2)) == 2


def test_a_name_is_free_again_when_its_memory_ends(tmp_path, functions, worker):
    with GoogleServers(tmp_path, functions, name_memory=0.2) as servers:
        google = Client(servers)
        google.create(worker, "again")
        until(lambda: google.states()["again"] == "done")
        assert google.create(worker, "again").status_code == 409
        until(lambda: google.create(worker, "again").status_code == 200)
        worker.wait_for(2)


def test_a_deleted_task_does_not_run_and_its_name_stays_taken(google, worker):
    google.create(worker, "gone", scheduleTime=in_(hours=1))

    assert google.ask("DELETE", "quick/tasks/gone").json() == {}
    assert refusal(google.ask("DELETE", "quick/tasks/gone")) == (404, "NOT_FOUND")
    assert refusal(google.create(worker, "gone")) == (409, "ALREADY_EXISTS")
    answer = google.ask("GET", "quick/tasks/gone")
    assert refusal(answer) == (404, "NOT_FOUND")
    assert "existed recently" in answer.json()["error"]["message"]


def test_nobody_without_an_access_token_is_served(google):
    for token in ("", "nonsense", google.token[:-4] + "AAAA"):
        assert refusal(google.ask("POST", "quick/tasks", {}, token=token or " ")) == (401, "UNAUTHENTICATED")
    anonymous = requests.get(f"{google.servers.tasks_url}/v2/{google.servers.location}/queues/quick", timeout=5)
    assert refusal(anonymous) == (401, "UNAUTHENTICATED")


def test_an_unknown_queue_is_not_found(google):
    for method, path in (("POST", "none/tasks"), ("GET", "none"), ("GET", "none/tasks/x"), ("POST", "none:pause")):
        assert refusal(google.ask(method, path, {})) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    "task",
    [
        {},
        {"httpRequest": {}},
        {"httpRequest": {"url": "ftp://x"}},
        {"httpRequest": {"url": "https://x", "httpMethod": 8}},
        {"httpRequest": {"url": "https://x", "httpMethod": "FETCH"}},
        {"httpRequest": {"url": "https://x", "body": "no base64!"}},
        {"httpRequest": {"url": "https://x", "httpMethod": "GET", "body": "e30="}},
        {"httpRequest": {"url": "https://x", "oidcToken": {"audience": "https://x"}}},
        {"httpRequest": {"url": "https://x"}, "scheduleTime": "tomorrow"},
        {"httpRequest": {"url": "https://x"}, "scheduleTime": in_(days=30, minutes=1)},
        {"httpRequest": {"url": "https://x"}, "dispatchDeadline": "14s"},
        {"httpRequest": {"url": "https://x"}, "dispatchDeadline": "1801s"},
        {"httpRequest": {"url": "https://x"}, "dispatchDeadline": 60},
        {"httpRequest": {"url": "https://x"}, "dispatchDeadLine": "60s"},
        {"httpRequest": {"url": "https://x"}, "name": "just-an-id"},
        {"httpRequest": {"url": "https://x"}, "name": f"{GoogleServers.location}/queues/single/tasks/x"},
        {"httpRequest": {"url": "https://x"}, "name": f"{GoogleServers.location}/queues/quick/tasks/no good"},
        {"httpRequest": {"url": "https://x"}, "name": f"{GoogleServers.location}/queues/quick/tasks/{'x' * 501}"},
    ],
)
def test_a_malformed_task_is_refused(google, task):
    assert refusal(google.ask("POST", "quick/tasks", {"task": task})) == (400, "INVALID_ARGUMENT")
    assert google.listed() == []


def test_a_location_without_its_words_is_refused(google):
    url = f"{google.servers.tasks_url}/v2/test-project/asia-south1/queues/quick"
    answer = requests.get(url, headers={"Authorization": f"Bearer {google.token}"}, timeout=5)
    assert refusal(answer) == (400, "INVALID_ARGUMENT")


def test_a_task_waits_for_its_time(google, worker):
    google.create(worker, "later", scheduleTime=in_(seconds=0.4))
    google.create(worker, "past", scheduleTime=in_(hours=-1))

    assert google.ask("GET", "quick/tasks/later").json()["scheduleTime"]
    first, second = worker.wait_for(2)
    assert first.headers["X-CloudTasks-TaskName"] == "past"
    assert second.headers["X-CloudTasks-TaskName"] == "later"
    assert time.time() >= float(second.headers["X-CloudTasks-TaskETA"])


def test_a_task_may_wait_thirty_days(google, worker):
    assert google.create(worker, scheduleTime=in_(days=29, hours=23)).status_code == 200


def test_a_failed_task_is_tried_again_and_told_how_often(google, worker):
    statuses = iter([503, 404, 200])
    worker.answer = lambda _: next(statuses)
    google.create(worker, "stubborn")

    headers = [received.headers for received in worker.wait_for(3)]
    assert [given["X-CloudTasks-TaskRetryCount"] for given in headers] == ["0", "1", "2"]
    # As recorded from the real service: a 5xx is not counted as an execution.
    assert [given["X-CloudTasks-TaskExecutionCount"] for given in headers] == ["0", "0", "1"]
    assert [given.get("X-CloudTasks-TaskPreviousResponse") for given in headers] == [None, "503", "404"]
    until(lambda: google.states() == {"stubborn": "done"})


@pytest.mark.parametrize("status", [199 + 101, 302, 400, 429, 500])
def test_whatever_is_no_2xx_is_a_failure_and_dropped_after_the_last_attempt(google, worker, status):
    worker.answer = lambda _: status
    google.create(worker, "hopeless")

    until(lambda: google.states() == {"hopeless": "dropped"})
    [task] = google.listed()
    assert (task["attempts"], task["last_status"]) == (3, status)
    assert len(worker.received) == 3


def test_a_worker_that_cannot_be_reached_is_a_failure(google, worker):
    worker.stop()
    google.create(worker, "nobody-home")

    until(lambda: google.states() == {"nobody-home": "dropped"})
    assert google.listed()[0]["last_status"] is None


def test_intervals_grow_as_google_documents_them():
    queue = Queue("q", min_backoff="10s", max_backoff="300s", max_doublings=3)

    assert [queue.backoff(failures) for failures in range(1, 9)] == [10, 20, 40, 80, 160, 240, 300, 300]


def test_an_attempt_ends_at_its_deadline_and_counts_as_failed(google, worker):
    released = threading.Event()
    worker.answer = lambda received: (
        200 if received.headers["X-CloudTasks-TaskRetryCount"] == "1" else released.wait(5) and 200
    )
    google.ask("POST", "quick:pause", {})
    google.create(worker, "slow", dispatchDeadline="15s")
    google.servers._tasks._store.ask("update tasks set deadline = 0.1")  # what the API takes is too long to wait for
    google.ask("POST", "quick:resume", {})

    until(lambda: google.states() == {"slow": "done"}, seconds=3)
    assert google.listed()[0]["attempts"] == 2
    released.set()


def test_a_queue_keeps_to_its_rate(google, worker):
    started = time.monotonic()
    for _ in range(14):  # ten at once, then ten a second
        google.create(worker, queue="metered")
    worker.wait_for(10)
    assert time.monotonic() - started < 1
    worker.wait_for(14)
    assert time.monotonic() - started >= 0.39


def test_a_queue_keeps_to_its_number_at_once(google, worker):
    under_way, most, lock = 0, 0, threading.Lock()

    def answer(_):
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.03)
        with lock:
            under_way -= 1
        return 200

    worker.answer = answer
    for _ in range(4):
        google.create(worker, queue="single")
    worker.wait_for(4)
    assert most == 1


def test_a_paused_queue_takes_tasks_and_sends_them_when_resumed(google, worker):
    assert google.ask("POST", "quick:pause", {}).json()["state"] == "PAUSED"
    google.create(worker, "patient")
    time.sleep(0.1)
    assert worker.received == []
    assert google.ask("POST", "quick:resume", {}).json()["state"] == "RUNNING"
    worker.wait_for(1)


def test_a_purged_queue_forgets_its_tasks(google, worker):
    google.create(worker, "a", scheduleTime=in_(hours=1))
    google.create(worker, "b", scheduleTime=in_(hours=1), queue="single")

    google.ask("POST", "quick:purge", {})

    assert google.ask("GET", "quick/tasks").json() == {"tasks": []}
    assert [task["name"] for task in google.ask("GET", "single/tasks").json()["tasks"]] == [google.name("b", "single")]


def test_a_queue_tells_its_settings(google):
    queue = google.ask("GET", "quick").json()

    assert queue["name"].endswith("/queues/quick")
    assert queue["rateLimits"] == {"maxDispatchesPerSecond": 500, "maxConcurrentDispatches": 20}
    assert queue["retryConfig"] == {"maxAttempts": 3, "minBackoff": "0.05s", "maxBackoff": "0.1s", "maxDoublings": 16}


def test_a_task_can_be_run_before_its_time_and_in_a_paused_queue(google, worker):
    google.ask("POST", "quick:pause", {})
    google.create(worker, "now", scheduleTime=in_(hours=1))

    assert google.ask("POST", "quick/tasks/now:run", {}).json()["dispatchCount"] == 1
    worker.wait_for(1)
    until(lambda: google.states() == {"now": "done"})
    assert refusal(google.ask("POST", "quick/tasks/now:run", {})) == (404, "NOT_FOUND")


def test_the_full_view_has_the_body(google, worker):
    google.create(worker, "full", scheduleTime=in_(hours=1))

    assert google.ask("GET", "quick/tasks/full?responseView=FULL").json()["httpRequest"]["body"] == "eyJpZCI6IDF9"


def test_what_was_accepted_survives_a_restart(tmp_path, functions, worker):
    with GoogleServers(tmp_path, functions) as servers:
        google = Client(servers)
        google.create(worker, "later", scheduleTime=in_(seconds=0.5))
    assert worker.received == []
    with GoogleServers(tmp_path, functions):
        [received] = worker.wait_for(1)
    assert received.headers["X-CloudTasks-TaskName"] == "later"


def test_an_attempt_cut_off_by_the_end_is_made_again(tmp_path, functions, worker):
    released = threading.Event()
    worker.answer = lambda _: released.wait(5) and 200
    with GoogleServers(tmp_path, functions) as servers:
        Client(servers).create(worker, "twice")
        worker.wait_for(1)
    with GoogleServers(tmp_path, functions) as servers:
        worker.wait_for(2)
        released.set()
        until(lambda: Client(servers).states() == {"twice": "done"})


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
    google.ask("POST", "single:pause", {})
    for name in ("a", "b", "c"):
        google.create(worker, name, queue="single")
    google.ask("POST", "single:resume", {})

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
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ) as process:
        until(lambda: healthy(port))
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert process.stdout.read() == b""


def healthy(port):
    try:
        return requests.get(f"http://127.0.0.1:{port}/health", timeout=1).status_code == 200
    except requests.ConnectionError:
        return False
