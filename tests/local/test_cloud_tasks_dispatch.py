"""Delivery by the Cloud Tasks stand-in to a worker with scripted responses."""

import threading
import time

import pytest

from infra.google.invokers import InvokerTokens
from infra.local.cloud_tasks.queues import Queue
from tests.google_servers import GoogleServers, Worker
from tests.local.cloud_tasks_client import QUEUES, Client, in_
from tests.waiting import until

INVOKER = "invoker@test-project.iam.gserviceaccount.com"


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
    google.call("POST", "quick/tasks", {"task": {"httpRequest": http}})
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
    google.call("POST", "quick/tasks", {"task": {"httpRequest": {"url": worker.url, "headers": lies}}})
    [received] = worker.wait_for(1)

    headers = {name.lower(): value for name, value in received.headers.items()}
    assert headers["x-cloudtasks-taskretrycount"] == "0"
    assert headers["x-cloudtasks-queuename"] == "quick"
    assert headers["host"] == worker.url.removeprefix("http://")
    assert headers["user-agent"] == "Google-Cloud-Tasks"


def test_a_task_waits_for_its_time(google, worker):
    google.create(worker, "later", scheduleTime=in_(seconds=0.4))
    google.create(worker, "past", scheduleTime=in_(hours=-1))

    assert google.call("GET", "quick/tasks/later").json()["scheduleTime"]
    first, second = worker.wait_for(2)
    assert first.headers["X-CloudTasks-TaskName"] == "past"
    assert second.headers["X-CloudTasks-TaskName"] == "later"
    assert time.time() >= float(second.headers["X-CloudTasks-TaskETA"])


def test_a_failed_task_is_retried_with_a_retry_count(google, worker):
    statuses = iter([503, 404, 200])
    worker.answer = lambda _: next(statuses)
    google.create(worker, "stubborn")

    headers = [received.headers for received in worker.wait_for(3)]
    assert [attempt["X-CloudTasks-TaskRetryCount"] for attempt in headers] == ["0", "1", "2"]
    # As recorded from the real service: a 5xx is not counted as an execution.
    assert [attempt["X-CloudTasks-TaskExecutionCount"] for attempt in headers] == ["0", "0", "1"]
    assert [attempt.get("X-CloudTasks-TaskPreviousResponse") for attempt in headers] == [None, "503", "404"]
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
    google.call("POST", "quick:pause", {})
    google.create(worker, "slow", dispatchDeadline="15s")
    google.servers._tasks._store.execute(
        "update tasks set deadline = 0.1"
    )  # the shortest deadline of the API is too long to wait for
    google.call("POST", "quick:resume", {})

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
