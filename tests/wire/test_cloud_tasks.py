"""Our Cloud Tasks client, compared with the official one over the same API."""

import threading
import time
from datetime import UTC, datetime, timedelta, timezone

import google.oauth2.credentials
import pytest
import requests
from flask import Flask, request
from google.api_core.exceptions import Conflict, NotFound, ServiceUnavailable
from google.cloud import tasks_v2
from google.cloud.tasks_v2.services.cloud_tasks.transports.rest import CloudTasksRestTransport
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

import infra.cloud_tasks
from infra.google.invokers import InvokerTokens
from infra.outside import CalledInsideTransaction, transaction_open
from shared.outbox.queue import QueueUnavailable
from tests.google_servers import GoogleServers, Running, Worker
from tests.waiting import until
from tests.wire.cloud_tasks_clients import INVOKER, LOCATION, GoogleTokenServer, a_task, our_clients

DUE = datetime.now(UTC) + timedelta(days=2)


@pytest.fixture(scope="module")
def google_servers(tmp_path_factory):
    with GoogleServers(tmp_path_factory.mktemp("google")) as servers:
        yield servers


@pytest.fixture
def worker():
    with Worker() as running:
        yield running


@pytest.fixture
def ours(google_servers, worker):
    """Return a factory of our clients, for the stand-in by default."""
    with our_clients(worker.url) as make:
        yield lambda url=google_servers.tasks_url, metadata=google_servers.metadata_host: make(url, metadata)


class Official:
    """google-cloud-tasks over REST, with the interface of our client."""

    def __init__(self, url, token, worker):
        credentials = google.oauth2.credentials.Credentials(token)
        host = url.removeprefix("http://")
        self.transport = CloudTasksRestTransport(host=host, url_scheme="http", credentials=credentials)
        self.client = tasks_v2.CloudTasksClient(transport=self.transport)
        self._worker = worker

    def enqueue(self, task):
        due = Timestamp()
        if task.due_at:
            due.FromDatetime(task.due_at.astimezone(UTC).replace(tzinfo=None))
        http = tasks_v2.HttpRequest(
            url=self._worker.url + task.path,
            http_method=tasks_v2.HttpMethod.POST,
            headers={"Content-Type": "application/json"},
            body=task.body,
            oidc_token=tasks_v2.OidcToken(service_account_email=INVOKER, audience=self._worker.url),
        )
        parent = f"{LOCATION}/queues/{task.queue}"
        wanted = tasks_v2.Task(
            name=f"{parent}/tasks/{task.name}",
            http_request=http,
            schedule_time=due if task.due_at else None,
            dispatch_deadline=Duration(seconds=infra.cloud_tasks.DISPATCH_DEADLINE),
        )
        self.client.create_task(parent=parent, task=wanted, retry=None)

    def read(self, task):
        name = f"{LOCATION}/queues/{task.queue}/tasks/{task.name}"
        return self.client.get_task(request={"name": name, "response_view": tasks_v2.Task.View.FULL})


@pytest.fixture
def official(google_servers, worker):
    client = Official(google_servers.tasks_url, google_servers.identity().access_token(), worker)
    yield client
    client.transport.close()


def test_both_clients_send_the_same(ours, worker):
    sent = []
    app = Flask(__name__)
    app.add_url_rule(
        "/<path:_>",
        view_func=lambda _: (sent.append((request.path, request.get_json())), {})[1],
        endpoint="all",
        methods=["POST"],
    )
    task = a_task(due_at=DUE)
    with Running(app) as recorder, GoogleTokenServer() as metadata:
        ours(recorder.url, metadata.host).enqueue(task)
        official = Official(recorder.url, "token", worker)
        official.enqueue(task)
        official.transport.close()

    [(our_path, our_body), (their_path, their_body)] = sent
    their_body["task"]["httpRequest"]["httpMethod"] = {1: "POST"}[their_body["task"]["httpRequest"]["httpMethod"]]
    assert our_path == their_path
    assert our_body == their_body


def test_both_clients_keep_the_same_task(ours, official):
    mine, theirs = a_task("kept-mine", due_at=DUE), a_task("kept-theirs", due_at=DUE)
    ours().enqueue(mine)
    official.enqueue(theirs)

    kept, expected = official.read(mine), official.read(theirs)
    assert kept.name == f"{LOCATION}/queues/mails/tasks/kept-mine"
    assert kept.schedule_time == expected.schedule_time
    assert abs((kept.schedule_time - DUE).total_seconds()) < 0.001
    assert kept.dispatch_deadline == expected.dispatch_deadline == timedelta(seconds=65)
    assert kept.http_request == expected.http_request
    assert kept.http_request.body == b'{"id": "1"}'


def test_the_worker_cannot_tell_them_apart(ours, official, worker, google_servers):
    ours().enqueue(a_task())
    official.enqueue(a_task())

    both = worker.wait_for(2)
    tokens = InvokerTokens(google_servers.issuer, google_servers.jwks_url, worker.url, frozenset({INVOKER}))
    for received in both:
        assert tokens.verify(received.headers.pop("Authorization").removeprefix("Bearer ")) == INVOKER
        for own in ("X-CloudTasks-TaskName", "X-CloudTasks-TaskETA"):
            received.headers.pop(own)
    assert both[0] == both[1]
    assert (both[0].path, both[0].body) == ("/outbox/1", b'{"id": "1"}')


def test_a_name_taken_by_one_is_taken_for_the_other(ours, official, worker):
    task, other = a_task(), a_task()
    ours().enqueue(task)
    with pytest.raises(Conflict):
        official.enqueue(task)
    official.enqueue(other)
    ours().enqueue(other)  # the task exists already, which counts as enqueued

    worker.wait_for(2)
    time.sleep(0.1)
    assert len(worker.received) == 2


def test_an_unknown_queue_is_found_by_neither(ours, official):
    with pytest.raises(NotFound):
        official.enqueue(a_task(queue="none"))
    with pytest.raises(QueueUnavailable, match="404"):
        ours().enqueue(a_task(queue="none"))


def test_the_official_client_reads_the_stand_in(official):
    task = a_task("to-read", "payments", DUE)
    official.enqueue(task)
    queue = f"{LOCATION}/queues/payments"

    assert [listed.name for listed in official.client.list_tasks(parent=queue)] == [f"{queue}/tasks/to-read"]
    assert official.client.get_queue(name=queue).retry_config.max_attempts == 12
    assert official.client.pause_queue(name=queue).state == tasks_v2.Queue.State.PAUSED
    assert official.client.resume_queue(name=queue).state == tasks_v2.Queue.State.RUNNING
    assert official.client.run_task(name=f"{queue}/tasks/to-read").dispatch_count == 1
    until(lambda: not list(official.client.list_tasks(parent=queue)))
    official.enqueue(a_task("to-delete", "payments", DUE))
    official.client.delete_task(name=f"{queue}/tasks/to-delete")
    official.enqueue(a_task("to-purge", "payments", DUE))
    official.client.purge_queue(name=queue)
    assert list(official.client.list_tasks(parent=queue)) == []


def test_a_metadata_server_in_trouble_is_a_queue_unavailable(ours, google_servers):
    with pytest.raises(QueueUnavailable, match="IdentityUnavailable"):
        ours(metadata=google_servers.tasks_url.removeprefix("http://")).enqueue(a_task())


def test_threads_may_share_a_client(ours, worker):
    client = ours()
    threads = [threading.Thread(target=client.enqueue, args=(a_task(f"parallel-{number}"),)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    names = {received.headers["X-CloudTasks-TaskName"] for received in worker.wait_for(12)}
    assert names == {f"parallel-{number}" for number in range(12)}


def test_a_time_is_sent_as_utc(ours, official):
    task = a_task("in-india", due_at=DUE.astimezone(timezone(timedelta(hours=5, minutes=30))))
    ours().enqueue(task)

    assert abs((official.read(task).schedule_time - DUE).total_seconds()) < 0.001


def test_more_than_thirty_days_ahead_is_refused(ours):
    with pytest.raises(QueueUnavailable, match="30 days"):
        ours().enqueue(a_task(due_at=datetime.now(UTC) + timedelta(days=31)))


def test_nothing_is_enqueued_inside_a_transaction(ours, worker):
    with transaction_open(), pytest.raises(CalledInsideTransaction):
        ours().enqueue(a_task())
    time.sleep(0.05)
    assert worker.received == []


def test_a_fault_of_the_stand_in_is_seen_by_both(ours, official, google_servers):
    url = f"{google_servers.tasks_url}/_local/tasks/faults"
    requests.post(url, json={"down": True}, timeout=5)
    try:
        with pytest.raises(ServiceUnavailable):
            official.enqueue(a_task())
        with pytest.raises(QueueUnavailable, match="UNAVAILABLE"):
            ours().enqueue(a_task())
    finally:
        requests.post(url, json={}, timeout=5)
