"""A JSON client of the Cloud Tasks stand-in with an access token, and queues for it."""

import base64
from datetime import UTC, datetime, timedelta

import requests

QUEUES = """
queues:
  quick: {max_dispatches_per_second: 500, max_concurrent_dispatches: 20, max_attempts: 3, min_backoff: 0.05s, max_backoff: 0.1s}
  metered: {max_dispatches_per_second: 10}
  single: {max_concurrent_dispatches: 1}
"""


class Client:
    """A JSON client of the Cloud Tasks stand-in."""

    def __init__(self, servers):
        self.servers = servers
        self.token = servers.identity().access_token()

    def call(self, method, path, body=None, token=None):
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
        return self.call("POST", f"{queue}/tasks", {"task": wanted})

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
