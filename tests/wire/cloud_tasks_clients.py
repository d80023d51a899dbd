"""Our Cloud Tasks clients, a task to send, and a metadata server that issues their token."""

import time
from contextlib import contextmanager

from flask import Flask

from infra.cloud_tasks import CloudTasks
from infra.google.identity import MetadataIdentity
from shared.outbox.queue import Task
from tests.google_servers import GoogleServers, Running

INVOKER = "invoker@test-project.iam.gserviceaccount.com"
LOCATION = GoogleServers.location


@contextmanager
def our_clients(worker_url):
    """Yield a function that makes clients of ours, closed at the end."""
    made = []

    def make(url, metadata_host, timeout=5.0):
        client = CloudTasks(url, LOCATION, worker_url, INVOKER, MetadataIdentity(metadata_host), timeout=timeout)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


def a_task(name="", queue="mails", due_at=None, body=b'{"id": "1"}'):
    return Task(queue, name or f"test-{time.monotonic_ns()}", "/outbox/1", body, due_at)


class GoogleTokenServer(Running):
    """A metadata server that counts requests and responds after `delay` seconds."""

    def __init__(self, delay=0.0):
        self.calls, self.delay = 0, delay
        app = Flask(__name__)
        app.add_url_rule("/<path:_>", view_func=self._answer, endpoint="all")
        super().__init__(app)

    def _answer(self, _):
        self.calls += 1
        time.sleep(self.delay)
        return {"access_token": "secret-token", "expires_in": 3599}
