"""Dispatches tasks to their workers."""

import base64
import contextlib
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence

import requests

from infra.local.cloud_tasks.faults import Faults
from infra.local.cloud_tasks.queues import Queue
from infra.local.cloud_tasks.store import Store
from infra.local.cloud_tasks.wire import AGENT, HttpRequest
from infra.local.metadata import Metadata
from infra.local.serving import call_directly


class _Bucket:
    """A token bucket for a queue's rate: refilled continuously, up to one second's tokens."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._size = max(rate, 1.0)
        self._tokens = self._size
        self._at = time.monotonic()

    def available(self) -> int:
        now = time.monotonic()
        self._tokens = min(self._size, self._tokens + (now - self._at) * self._rate)
        self._at = now
        return int(self._tokens)

    def take(self, tokens: int) -> None:
        self._tokens -= tokens

    def wait(self) -> float:
        return max(0.0, (1 - self._tokens) / self._rate)


class Dispatcher:
    """Dispatches due tasks, each in its own thread, within the limits of its queue."""

    def __init__(self, store: Store, queues: Mapping[str, Queue], metadata: Metadata) -> None:
        self.faults = Faults()
        self._store = store
        self._queues = queues
        self._metadata = metadata
        self._buckets = {queue.name: _Bucket(queue.max_dispatches_per_second) for queue in queues.values()}
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop dispatching; unfinished attempts are repeated after the next start."""
        self._stopped.set()
        self._wake.set()
        self._thread.join()

    def wake(self) -> None:
        """Check for due tasks now."""
        self._wake.set()

    def send(self, rows: Sequence[sqlite3.Row]) -> None:
        """Attempt tasks claimed from the store."""
        for row in rows:
            threading.Thread(target=self._attempt, args=(row,), daemon=True).start()
            if self.faults.duplicate > 0:
                self.faults.duplicate -= 1
                threading.Thread(target=self._deliver, args=(row,), daemon=True).start()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wake.wait(0.5 if self.faults.down else min(map(self._pump, self._queues.values()), default=1.0))
            self._wake.clear()

    def _pump(self, queue: Queue) -> float:
        """Dispatch the due tasks that the limits allow; return seconds until the next check."""
        if self._store.execute("select 1 from paused where queue = ?", queue.name):
            return 1.0
        [[running]] = self._store.execute(
            "select count(*) from tasks where queue = ? and state = 'running'", queue.name
        )
        bucket = self._buckets[queue.name]
        room = max(0, min(queue.max_concurrent_dispatches - running, bucket.available()))
        order = "desc" if self.faults.reorder else "asc"
        rows = self._store.claim(f"queue = ? and due <= ? order by due {order} limit ?", queue.name, time.time(), room)
        bucket.take(len(rows))
        self.send(rows)
        [[due]] = self._store.execute("select min(due) from tasks where queue = ? and state = 'scheduled'", queue.name)
        return 1.0 if due is None else min(1.0, max(due - time.time(), bucket.wait(), 0.01))

    def _attempt(self, row: sqlite3.Row) -> None:
        status = self._deliver(row)
        queue = self._queues[row["queue"]]
        last = 0 <= queue.max_attempts <= row["attempts"]
        state = "done" if status is not None and 200 <= status < 300 else "dropped" if last else "scheduled"
        due = time.time() + queue.backoff(row["attempts"]) if state == "scheduled" else row["due"]
        with contextlib.suppress(sqlite3.ProgrammingError):  # stopped meanwhile
            self._store.settle(row["name"], state, status, due)
        self.wake()

    def _deliver(self, row: sqlite3.Row) -> int | None:
        """Return the worker's HTTP status; None without a response within the task's deadline."""
        sent = HttpRequest.model_validate_json(row["request"])
        headers = {**_kept_headers(sent.headers), **_own_headers(row)}
        try:
            if sent.oidc_token is not None:
                audience = sent.oidc_token.audience or sent.url
                token = self._metadata.id_token(audience, sent.oidc_token.service_account_email)
                headers["Authorization"] = f"Bearer {token}"
            body = base64.b64decode(sent.body)
            answer = call_directly(sent.http_method, sent.url, headers=headers, data=body, timeout=row["deadline"])
        except requests.RequestException:
            return None
        return answer.status_code


def _kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    dropped = ("x-cloudtasks-", "x-google-", "host", "content-length", "user-agent")
    return {name: value for name, value in headers.items() if not name.lower().startswith(dropped)}


def _own_headers(row: sqlite3.Row) -> dict[str, str]:
    headers = {
        "User-Agent": AGENT,
        "X-CloudTasks-QueueName": row["queue"],
        "X-CloudTasks-TaskName": row["name"].rpartition("/")[2],
        "X-CloudTasks-TaskRetryCount": str(row["attempts"] - 1),
        "X-CloudTasks-TaskExecutionCount": str(row["executions"]),
        "X-CloudTasks-TaskETA": f"{row['scheduled']:.6f}",
    }
    if row["last_status"] is not None:
        headers["X-CloudTasks-TaskPreviousResponse"] = str(row["last_status"])
    return headers
