"""The Cloud Tasks API and its dispatcher in one server."""

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import jwt
from flask import Flask, request

from infra.local.cloud_tasks.dispatcher import Dispatcher
from infra.local.cloud_tasks.faults import Faults
from infra.local.cloud_tasks.pages import pages
from infra.local.cloud_tasks.queues import Queue
from infra.local.cloud_tasks.store import GONE, GONE_STATES, NAME_MEMORY, Store
from infra.local.cloud_tasks.wire import CreateTask, Refused, Task, read, resource, task_name
from infra.local.metadata import Metadata

SCHEDULE_LIMIT: Final = 30 * 24 * 3600.0  # seconds
NO_QUEUE: Final = (
    "Queue does not exist. If you just created the queue, wait at least a minute for the queue to initialize."
)
NO_TASK: Final = "Requested entity was not found."
NO_LONGER: Final = (
    "The task no longer exists, though a task with this name existed recently. "
    "The task either successfully completed or was deleted."
)


class CloudTasksServer:
    """The stand-in: `app` serves requests between `start` and `stop`."""

    def __init__(
        self, queues: Mapping[str, Queue], metadata: Metadata, data: Path, *, name_memory: float = NAME_MEMORY
    ) -> None:
        self._queues = queues
        self._metadata = metadata
        self._store = Store(data / "cloud-tasks.sqlite3", name_memory)
        self._dispatcher = Dispatcher(self._store, queues, metadata)
        self.app = self._make_app()

    def start(self) -> None:
        self._dispatcher.start()

    def stop(self) -> None:
        self._dispatcher.stop()
        self._store.close()

    def _make_app(self) -> Flask:
        app = Flask(__name__)
        app.json.sort_keys = False  # type: ignore[attr-defined]
        app.before_request(self._guard)
        app.register_error_handler(Refused, lambda refused: (refused.body, refused.code))
        queue = "/v2/<path:parent>/queues/<queue>"
        app.add_url_rule(queue, view_func=self.get_queue)
        app.add_url_rule(f"{queue}:<any(pause, resume, purge):verb>", view_func=self.change_queue, methods=["POST"])
        app.add_url_rule(f"{queue}/tasks", view_func=self.create_task, methods=["POST"])
        app.add_url_rule(f"{queue}/tasks", view_func=self.list_tasks)
        app.add_url_rule(f"{queue}/tasks/<task>", view_func=self.get_task)
        app.add_url_rule(f"{queue}/tasks/<task>", view_func=self.delete_task, methods=["DELETE"])
        app.add_url_rule(f"{queue}/tasks/<task>:run", view_func=self.run_task, methods=["POST"])
        app.register_blueprint(pages(self._store, self._dispatcher))
        app.add_url_rule("/health", view_func=lambda: {"status": "ok"}, endpoint="health")
        return app

    def _guard(self) -> None:
        if not request.path.startswith("/v2/"):
            return
        if self._dispatcher.faults.down:
            raise Refused(503, "UNAVAILABLE", "The service is currently unavailable.")
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            if kind != "Bearer":
                raise jwt.InvalidTokenError
            self._metadata.check(token)
        except jwt.PyJWTError:
            raise Refused(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.") from None

    def _path(self, parent: str, queue: str) -> str:
        if not re.fullmatch(r"projects/[\w:.-]+/locations/[\w-]+", parent):
            raise Refused(
                400, "INVALID_ARGUMENT", "A queue is projects/PROJECT_ID/locations/LOCATION_ID/queues/QUEUE_ID."
            )
        if queue not in self._queues:
            raise Refused(404, "NOT_FOUND", NO_QUEUE)
        return f"{parent}/queues/{queue}"

    def get_queue(self, parent: str, queue: str) -> dict[str, Any]:
        path, settings = self._path(parent, queue), self._queues[queue]
        paused = self._store.execute("select 1 from paused where queue = ?", queue)
        return {
            "name": path,
            "rateLimits": {
                "maxDispatchesPerSecond": settings.max_dispatches_per_second,
                "maxConcurrentDispatches": settings.max_concurrent_dispatches,
            },
            "retryConfig": {
                "maxAttempts": settings.max_attempts,
                "minBackoff": settings.min_backoff,
                "maxBackoff": settings.max_backoff,
                "maxDoublings": settings.max_doublings,
            },
            "state": "PAUSED" if paused else "RUNNING",
        }

    def change_queue(self, parent: str, queue: str, verb: str) -> dict[str, Any]:
        self._path(parent, queue)
        if verb == "pause":
            self._store.execute("insert or ignore into paused values (?)", queue)
        elif verb == "resume":
            self._store.execute("delete from paused where queue = ?", queue)
        else:
            self._store.end("deleted", "queue", queue)
        self._dispatcher.wake()
        return self.get_queue(parent, queue)

    def create_task(self, parent: str, queue: str) -> dict[str, Any]:
        path = self._path(parent, queue)
        wanted = read(CreateTask, request.get_data())
        faults = self._dispatcher.faults
        kept = self._store.add(_row(task_name(path, wanted.task.name), queue, wanted.task, faults))
        if kept is None:
            raise Refused(409, "ALREADY_EXISTS", "Requested entity already exists")
        faults.drop = max(0, faults.drop - 1)
        self._dispatcher.wake()
        return resource(kept, wanted.response_view)

    def get_task(self, parent: str, queue: str, task: str) -> dict[str, Any]:
        return self._shown(f"{self._path(parent, queue)}/tasks/{task}", request.args.get("responseView", "1"))

    def list_tasks(self, parent: str, queue: str) -> dict[str, Any]:
        within = f"{self._path(parent, queue)}/tasks/"
        rows = self._store.execute(
            f"select * from tasks where name >= ? and name < ? and not {GONE} limit 1000", within, f"{within}~"
        )
        return {"tasks": [resource(row, request.args.get("responseView", "1")) for row in rows]}

    def delete_task(self, parent: str, queue: str, task: str) -> dict[str, Any]:
        name = f"{self._path(parent, queue)}/tasks/{task}"
        if not self._store.end("deleted", "name", name):
            raise Refused(404, "NOT_FOUND", NO_TASK)
        return {}

    def run_task(self, parent: str, queue: str, task: str) -> dict[str, Any]:
        name = f"{self._path(parent, queue)}/tasks/{task}"
        claimed = self._store.claim("name = ?", name)
        shown = self._shown(name, (request.get_json(silent=True) or {}).get("responseView", 1))
        self._dispatcher.send(
            claimed
        )  # after the response is built: the task may be done and deleted before the next query
        return shown

    def _shown(self, name: str, view: int | str) -> dict[str, Any]:
        row = self._store.get(name)
        if row is None:
            raise Refused(404, "NOT_FOUND", NO_TASK)
        if row["state"] in GONE_STATES:
            raise Refused(404, "NOT_FOUND", NO_LONGER)
        return resource(row, view)


def _row(name: str, queue: str, task: Task, faults: Faults) -> dict[str, Any]:
    """Return a new task's row. Raises Refused."""
    now = time.time()
    scheduled = max(now, task.schedule_time.timestamp() if task.schedule_time else now)
    if scheduled > now + SCHEDULE_LIMIT:
        raise Refused(400, "INVALID_ARGUMENT", "The schedule time is more than 30 days in the future.")
    return {
        "name": name,
        "queue": queue,
        "request": task.http_request.model_dump_json(by_alias=True, exclude_defaults=True),
        "deadline": task.dispatch_deadline,
        "created": now,
        "scheduled": scheduled,
        "due": scheduled + faults.delay_seconds,
        "state": "dropped" if faults.drop > 0 else "scheduled",
        "changed": now,
    }
