"""The Cloud Tasks stand-in's API: accepted tasks, refusals, views."""

import time

import pytest
import requests

from tests.google_servers import GoogleServers, Worker
from tests.local.cloud_tasks_client import QUEUES, Client, in_, refusal
from tests.waiting import until


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
        until(lambda: {task["state"] for task in google.listed()} == {"done"})
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

    assert google.call("DELETE", "quick/tasks/gone").json() == {}
    assert refusal(google.call("DELETE", "quick/tasks/gone")) == (404, "NOT_FOUND")
    assert refusal(google.create(worker, "gone")) == (409, "ALREADY_EXISTS")
    answer = google.call("GET", "quick/tasks/gone")
    assert refusal(answer) == (404, "NOT_FOUND")
    assert "existed recently" in answer.json()["error"]["message"]


def test_requests_without_an_access_token_are_refused(google):
    for token in ("", "nonsense", google.token[:-4] + "AAAA"):
        assert refusal(google.call("POST", "quick/tasks", {}, token=token or " ")) == (401, "UNAUTHENTICATED")
    anonymous = requests.get(f"{google.servers.tasks_url}/v2/{google.servers.location}/queues/quick", timeout=5)
    assert refusal(anonymous) == (401, "UNAUTHENTICATED")


def test_an_unknown_queue_is_not_found(google):
    for method, path in (("POST", "none/tasks"), ("GET", "none"), ("GET", "none/tasks/x"), ("POST", "none:pause")):
        assert refusal(google.call(method, path, {})) == (404, "NOT_FOUND")


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
        {"httpRequest": {"url": "https://x"}, "scheduleTime": in_(days=30, hours=1)},
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
    assert refusal(google.call("POST", "quick/tasks", {"task": task})) == (400, "INVALID_ARGUMENT")
    assert google.listed() == []


def test_a_location_without_its_words_is_refused(google):
    url = f"{google.servers.tasks_url}/v2/test-project/asia-south1/queues/quick"
    answer = requests.get(url, headers={"Authorization": f"Bearer {google.token}"}, timeout=5)
    assert refusal(answer) == (400, "INVALID_ARGUMENT")


def test_a_task_may_wait_thirty_days(google, worker):
    assert google.create(worker, scheduleTime=in_(days=29, hours=23)).status_code == 200


def test_a_paused_queue_takes_tasks_and_sends_them_when_resumed(google, worker):
    assert google.call("POST", "quick:pause", {}).json()["state"] == "PAUSED"
    google.create(worker, "patient")
    time.sleep(0.1)
    assert worker.received == []
    assert google.call("POST", "quick:resume", {}).json()["state"] == "RUNNING"
    worker.wait_for(1)


def test_a_purged_queue_forgets_its_tasks(google, worker):
    google.create(worker, "a", scheduleTime=in_(hours=1))
    google.create(worker, "b", scheduleTime=in_(hours=1), queue="single")

    google.call("POST", "quick:purge", {})

    assert google.call("GET", "quick/tasks").json() == {"tasks": []}
    assert [task["name"] for task in google.call("GET", "single/tasks").json()["tasks"]] == [google.name("b", "single")]


def test_a_queue_tells_its_settings(google):
    queue = google.call("GET", "quick").json()

    assert queue["name"].endswith("/queues/quick")
    assert queue["rateLimits"] == {"maxDispatchesPerSecond": 500, "maxConcurrentDispatches": 20}
    assert queue["retryConfig"] == {"maxAttempts": 3, "minBackoff": "0.05s", "maxBackoff": "0.1s", "maxDoublings": 16}


def test_a_task_can_be_run_before_its_time_and_in_a_paused_queue(google, worker):
    google.call("POST", "quick:pause", {})
    google.create(worker, "now", scheduleTime=in_(hours=1))

    assert google.call("POST", "quick/tasks/now:run", {}).json()["dispatchCount"] == 1
    worker.wait_for(1)
    until(lambda: google.states() == {"now": "done"})
    assert refusal(google.call("POST", "quick/tasks/now:run", {})) == (404, "NOT_FOUND")


def test_the_full_view_has_the_body(google, worker):
    google.create(worker, "full", scheduleTime=in_(hours=1))

    assert google.call("GET", "quick/tasks/full?responseView=FULL").json()["httpRequest"]["body"] == "eyJpZCI6IDF9"
