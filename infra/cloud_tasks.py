"""Google Cloud Tasks over its REST API (docs/decisions/2026-11-20-cloud-tasks-client.md)."""

import base64
import json
import os
import threading
import time
from concurrent.futures import Future
from datetime import UTC
from typing import Any, Final

import requests

from infra.google import IdentityUnavailable
from infra.google.identity import MetadataIdentity
from infra.outside import assert_outside_transaction
from shared.outbox.queue import QueueUnavailable, Task

DISPATCH_DEADLINE: Final = 65  # seconds Cloud Tasks waits for the handler: a few more than its function's own 60
IDLE_LIMIT: Final = (
    30  # seconds after which a kept-alive connection is replaced: an instance without CPU does not see a FIN
)


class CloudTasks:
    """The queues under `location` (`projects/P/locations/L`); tasks go to `target_url` with a token of `invoker`.

    `timeout` (seconds) bounds a whole `enqueue`: the access token of a cold instance, name look-up, both tries.
    `dispatch_deadline` (seconds, 15 to 1800) is how long the queue waits for a handler's answer.
    """

    def __init__(
        self,
        base_url: str,
        location: str,
        target_url: str,
        invoker: str,
        identity: MetadataIdentity,
        *,
        timeout: float = 0.5,
        dispatch_deadline: int = DISPATCH_DEADLINE,
    ) -> None:
        self._queues_url = f"{base_url.rstrip('/')}/v2/{location}/queues"
        self._location = location
        self._target_url = target_url.rstrip("/")
        self._audience = target_url
        self._invoker = invoker
        self._identity = identity
        self._timeout = timeout
        self._dispatch_deadline = dispatch_deadline
        self._connections = _Connections()

    def enqueue(self, task: Task, within: float = 0.5) -> None:
        """Create the task; a name already taken counts as created. Raises QueueUnavailable.

        The call runs in a thread, because socket timeouts bound single waits only and name look-up has none; the caller
        stops waiting at the deadline. A late result is harmless: the next call uses a late access token, and a late
        task has the same name as the one the sweep would send.
        """
        assert_outside_transaction()
        outcome: Future[None] = Future()
        deadline = time.monotonic() + min(self._timeout, within)
        threading.Thread(target=self._settle, args=(outcome, task, deadline), name="cloud-tasks", daemon=True).start()
        try:
            outcome.result(deadline - time.monotonic())
        except (IdentityUnavailable, requests.RequestException, TimeoutError) as trouble:
            raise QueueUnavailable(f"Cloud Tasks: {type(trouble).__name__}") from trouble

    def close(self) -> None:
        """Close kept-alive connections; the next call opens new ones."""
        self._connections.drop()

    def _settle(self, outcome: Future[None], task: Task, deadline: float) -> None:
        try:
            self._create(task, deadline)
            outcome.set_result(None)
        except Exception as trouble:  # noqa: BLE001 - the caller raises it
            outcome.set_exception(trouble)

    def _create(self, task: Task, deadline: float) -> None:
        body = json.dumps({"task": self._resource(task)})
        try:
            answer = self._post(task.queue, body, deadline)
        except requests.ConnectionError:
            # Most likely the server had closed a kept-alive connection; the task's name makes a second try idempotent.
            self._connections.drop()
            answer = self._post(task.queue, body, deadline)
        if answer.status_code != 200 and not _name_is_taken(answer):
            raise QueueUnavailable(f"Cloud Tasks answered {answer.status_code}: {answer.text[:300]}")

    def _post(self, queue: str, body: str, deadline: float) -> requests.Response:
        headers = {
            "Authorization": f"Bearer {self._identity.access_token()}",
            "Content-Type": "application/json",
        }
        left = deadline - time.monotonic()
        if left <= 0:
            raise requests.Timeout("no time left for the request")
        session = self._connections.session()
        url = f"{self._queues_url}/{queue}/tasks"
        return session.post(url, data=body, headers=headers, timeout=left, allow_redirects=False)

    def _resource(self, task: Task) -> dict[str, Any]:
        resource: dict[str, Any] = {
            "name": f"{self._location}/queues/{task.queue}/tasks/{task.name}",
            "httpRequest": {
                "url": self._target_url + task.path,
                "httpMethod": "POST",
                "headers": {"Content-Type": "application/json"},
                "body": base64.b64encode(task.body).decode("ascii"),
                "oidcToken": {"serviceAccountEmail": self._invoker, "audience": self._audience},
            },
            "dispatchDeadline": f"{self._dispatch_deadline}s",
        }
        if task.due_at is not None:
            resource["scheduleTime"] = task.due_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
        return resource


class _Connections:
    """One session per process, so that no two processes share a socket after a fork; idle ones are replaced."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._session: requests.Session | None = None
        self._owner = 0
        self._used_at = 0.0

    def session(self) -> requests.Session:
        with self._lock:
            now = time.monotonic()
            if self._session is None or self._owner != os.getpid():
                self._session = requests.Session()
                self._session.trust_env = False  # a .netrc would replace the Authorization header
                self._owner = os.getpid()
            elif now - self._used_at > IDLE_LIMIT:
                self._session.close()
            self._used_at = now
            return self._session

    def drop(self) -> None:
        with self._lock:
            if self._session is not None:
                self._session.close()


def _name_is_taken(answer: requests.Response) -> bool:
    # ABORTED is a 409 too.
    return answer.status_code == 409 and '"ALREADY_EXISTS"' in answer.text
