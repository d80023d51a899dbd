"""Stand-in for Google Cloud Tasks: the v2 REST API production calls, and a dispatcher as faithful as tests need.

python -m infra.local.cloud_tasks --port N --metadata HOST:PORT --queues terraform/functions.yaml --data DIR

Error texts, and what a task's headers say, are the real service's as github.com/aertje/cloud-tasks-emulator recorded
them (conformance/golden, 2026). Left out: App Engine targets, IAM, batches, changing queues, paging, task sizes, and
that 429 and 503 slow the whole queue.
"""

import argparse
import base64
import binascii
import contextlib
import json
import re
import secrets
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar, get_args

import jwt
import requests
import yaml
from flask import Flask, request
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from infra.local.metadata import Metadata, call, page, serve

AGENT: Final = "Google-Cloud-Tasks"
NAME_MEMORY: Final = 24 * 3600.0  # seconds a name stays taken after its task is gone
SCHEDULE_LIMIT: Final = 30 * 24 * 3600.0
NO_QUEUE: Final = (
    "Queue does not exist. If you just created the queue, wait at least a minute for the queue to initialize."
)
NO_TASK: Final = "Requested entity was not found."
NO_LONGER: Final = (
    "The task no longer exists, though a task with this name existed recently. "
    "The task either successfully completed or was deleted."
)

M = TypeVar("M", bound=BaseModel)


class Refused(Exception):
    """An answer in Google's error format."""

    def __init__(self, code: int, status: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.body = {"error": {"code": code, "message": message, "status": status}}


# --- what is sent -----------------------------------------------------------------------------------------------------

HttpMethod = Literal["POST", "GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"]  # numbered from 1 in the protocol


def _method(value: Any) -> Any:
    return get_args(HttpMethod)[value - 1] if isinstance(value, int) and 1 <= value <= 7 else value


def _seconds(value: Any) -> Any:
    """Read a protobuf duration (`60s`, `0.5s`), as JSON and Terraform write them."""
    if isinstance(value, str) and re.fullmatch(r"\d+(\.\d{1,9})?s", value):
        return float(value[:-1])
    raise ValueError("a duration is seconds followed by s")


def _base64(value: str) -> str:
    try:
        base64.b64decode(value, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    return value


class _Message(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class OidcToken(_Message):
    service_account_email: str = Field(min_length=1)
    audience: str = ""


class HttpRequest(_Message):
    url: str = Field(pattern=r"^https?://[^/]", max_length=2083)
    http_method: Annotated[HttpMethod, BeforeValidator(_method)] = "POST"
    headers: dict[str, str] = {}
    body: Annotated[str, AfterValidator(_base64)] = ""
    oidc_token: OidcToken | None = None

    @model_validator(mode="after")
    def _body_fits_method(self) -> "HttpRequest":
        if self.body and self.http_method not in {"POST", "PUT", "PATCH"}:
            raise ValueError("a body is for POST, PUT and PATCH only")
        return self


class Task(_Message):
    name: str = ""
    http_request: HttpRequest
    schedule_time: AwareDatetime | None = None
    dispatch_deadline: Annotated[float, BeforeValidator(_seconds), Field(ge=15, le=1800)] = 600


class CreateTask(_Message):
    task: Task
    response_view: int | str = 1


class Faults(BaseModel):
    """What goes wrong on demand; the next POST replaces all of it, so `{}` ends it.

    `duplicate`: so many next dispatches arrive twice, at once. `drop`: so many next tasks are accepted and never run.
    `delay_seconds`: tasks come so much later than they say. `reorder`: the newest of those due goes first.
    `down`: the API answers 503 and nothing is dispatched.
    """

    model_config = ConfigDict(extra="forbid")
    duplicate: int = 0
    drop: int = 0
    delay_seconds: float = 0
    reorder: bool = False
    down: bool = False


# --- what is kept -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Queue:
    """A queue of functions.yaml; defaults are those of gcloud."""

    name: str
    max_dispatches_per_second: float = 500
    max_concurrent_dispatches: int = 1000
    max_attempts: int = 100
    min_backoff: str = "0.1s"
    max_backoff: str = "3600s"
    max_doublings: int = 16

    def backoff(self, failures: int) -> float:
        """Return seconds until the next attempt: doubled `max_doublings` times, then growing evenly, up to a limit."""
        doublings = min(failures - 1, self.max_doublings)
        steps = max(failures - self.max_doublings, 1)
        return float(min(_seconds(self.min_backoff) * 2**doublings * steps, _seconds(self.max_backoff)))


def read_queues(path: Path) -> dict[str, Queue]:
    """Return the queues of a functions.yaml by name."""
    declared = yaml.safe_load(path.read_text())["queues"]
    return {name: Queue(name, **settings) for name, settings in declared.items()}


_SCHEMA: Final = """
create table if not exists tasks (
    name text primary key, queue text not null, request text not null, deadline real not null, created real not null,
    scheduled real not null, due real not null, state text not null, changed real not null,
    attempts int not null default 0, responses int not null default 0, executions int not null default 0,
    last_status int
);
create index if not exists tasks_waiting on tasks (queue, state, due);
create index if not exists tasks_changed on tasks (changed);
create table if not exists paused (queue text primary key);
"""
_GONE: Final = "state in ('done', 'dropped', 'deleted')"


class Store:
    """Tasks in sqlite, so that what was accepted survives a restart; rows of tasks gone are the memory of names."""

    def __init__(self, path: Path, name_memory: float) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._name_memory = name_memory
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.executescript(f"pragma journal_mode = wal; pragma synchronous = off; {_SCHEMA}")
        self._db.execute("update tasks set state = 'scheduled' where state = 'running'")

    def ask(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(statement, values).fetchall()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def add(self, row: Mapping[str, Any]) -> sqlite3.Row | None:
        """Keep and return a new task; None when its name is taken."""
        self.ask(f"delete from tasks where {_GONE} and changed <= ?", time.time() - self._name_memory)
        columns, holes = ", ".join(row), ", ".join("?" * len(row))
        added = f"insert into tasks ({columns}) values ({holes}) on conflict do nothing returning *"
        return next(iter(self.ask(added, *row.values())), None)

    def get(self, name: str) -> sqlite3.Row | None:
        return next(iter(self.ask("select * from tasks where name = ?", name)), None)

    def claim(self, chosen: str, *values: Any) -> list[sqlite3.Row]:
        """Mark scheduled tasks as running, `chosen` ending the statement that picks them, and return them."""
        return self.ask(
            "update tasks set state = 'running', attempts = attempts + 1, changed = ? "
            f"where name in (select name from tasks where state = 'scheduled' and {chosen}) returning *",
            time.time(),
            *values,
        )

    def settle(self, name: str, state: str, status: int | None, due: float) -> None:
        """Write an attempt's end, unless the task was deleted meanwhile; a 5xx is no execution."""
        self.ask(
            "update tasks set state = ?, last_status = ?, due = ?, scheduled = ?, responses = responses + ?, "
            "executions = executions + ?, changed = ? where name = ? and state = 'running'",
            *(state, status, due, due, status is not None, status is not None and status < 500, time.time(), name),
        )

    def end(self, state: str, column: Literal["name", "queue"], value: str) -> bool:
        """End tasks that still wait or run; False when there are none."""
        ended = f"update tasks set state = ?, changed = ? where {column} = ? and not {_GONE} returning 1"
        return bool(self.ask(ended, state, time.time(), value))


# --- what is dispatched -----------------------------------------------------------------------------------------------


class _Bucket:
    """The tokens a queue's rate allows: refilled evenly, up to a second's worth."""

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
    """Sends tasks when they are due, each in a thread of its own, within the limits of its queue."""

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
        """Send nothing more; attempts under way are taken up again at the next start."""
        self._stopped.set()
        self._wake.set()
        self._thread.join()

    def wake(self) -> None:
        """Look again: something may be due."""
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
        """Send what is due and allowed; return seconds after which to look again."""
        if self._store.ask("select 1 from paused where queue = ?", queue.name):
            return 1.0
        [[running]] = self._store.ask("select count(*) from tasks where queue = ? and state = 'running'", queue.name)
        bucket = self._buckets[queue.name]
        room = max(0, min(queue.max_concurrent_dispatches - running, bucket.available()))
        order = "desc" if self.faults.reorder else "asc"
        rows = self._store.claim(f"queue = ? and due <= ? order by due {order} limit ?", queue.name, time.time(), room)
        bucket.take(len(rows))
        self.send(rows)
        [[due]] = self._store.ask("select min(due) from tasks where queue = ? and state = 'scheduled'", queue.name)
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
        """Return the worker's status; None when it gave none within the task's deadline."""
        sent = HttpRequest.model_validate_json(row["request"])
        headers = {**_kept_headers(sent.headers), **_own_headers(row)}
        try:
            if sent.oidc_token is not None:
                audience = sent.oidc_token.audience or sent.url
                token = self._metadata.id_token(audience, sent.oidc_token.service_account_email)
                headers["Authorization"] = f"Bearer {token}"
            body = base64.b64decode(sent.body)
            return call(sent.http_method, sent.url, headers=headers, data=body, timeout=row["deadline"]).status_code
        except requests.RequestException:
            return None


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


# --- what is answered -------------------------------------------------------------------------------------------------


class CloudTasksServer:
    """The stand-in: `app` answers between `start` and `stop`."""

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
        app.add_url_rule("/_local/tasks", view_func=self.show)
        app.add_url_rule("/_local/tasks/faults", view_func=self.set_faults, methods=["POST"])
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
        paused = self._store.ask("select 1 from paused where queue = ?", queue)
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
            self._store.ask("insert or ignore into paused values (?)", queue)
        elif verb == "resume":
            self._store.ask("delete from paused where queue = ?", queue)
        else:
            self._store.end("deleted", "queue", queue)
        self._dispatcher.wake()
        return self.get_queue(parent, queue)

    def create_task(self, parent: str, queue: str) -> dict[str, Any]:
        path = self._path(parent, queue)
        wanted = _read(CreateTask, request.get_data())
        name = _task_name(path, wanted.task.name)
        now, faults = time.time(), self._dispatcher.faults
        scheduled = max(now, wanted.task.schedule_time.timestamp() if wanted.task.schedule_time else now)
        if scheduled > now + SCHEDULE_LIMIT:
            raise Refused(400, "INVALID_ARGUMENT", "The schedule time is more than 30 days in the future.")
        row = {
            "name": name,
            "queue": queue,
            "request": wanted.task.http_request.model_dump_json(by_alias=True, exclude_defaults=True),
            "deadline": wanted.task.dispatch_deadline,
            "created": now,
            "scheduled": scheduled,
            "due": scheduled + faults.delay_seconds,
            "state": "dropped" if faults.drop > 0 else "scheduled",
            "changed": now,
        }
        kept = self._store.add(row)
        if kept is None:
            raise Refused(409, "ALREADY_EXISTS", "Requested entity already exists")
        faults.drop = max(0, faults.drop - 1)
        self._dispatcher.wake()
        return _resource(kept, wanted.response_view)

    def get_task(self, parent: str, queue: str, task: str) -> dict[str, Any]:
        return self._shown(f"{self._path(parent, queue)}/tasks/{task}", request.args.get("responseView", "1"))

    def list_tasks(self, parent: str, queue: str) -> dict[str, Any]:
        within = f"{self._path(parent, queue)}/tasks/"
        rows = self._store.ask(
            f"select * from tasks where name >= ? and name < ? and not {_GONE} limit 1000", within, f"{within}~"
        )
        return {"tasks": [_resource(row, request.args.get("responseView", "1")) for row in rows]}

    def delete_task(self, parent: str, queue: str, task: str) -> dict[str, Any]:
        name = f"{self._path(parent, queue)}/tasks/{task}"
        if not self._store.end("deleted", "name", name):
            raise Refused(404, "NOT_FOUND", NO_TASK)
        return {}

    def run_task(self, parent: str, queue: str, task: str) -> dict[str, Any]:
        name = f"{self._path(parent, queue)}/tasks/{task}"
        self._dispatcher.send(self._store.claim("name = ?", name))
        return self._shown(name, (request.get_json(silent=True) or {}).get("responseView", 1))

    def _shown(self, name: str, view: int | str) -> dict[str, Any]:
        row = self._store.get(name)
        if row is None:
            raise Refused(404, "NOT_FOUND", NO_TASK)
        if row["state"] in {"done", "dropped", "deleted"}:
            raise Refused(404, "NOT_FOUND", NO_LONGER)
        return _resource(row, view)

    def show(self) -> str | dict[str, Any]:
        limit = request.args.get("limit", 100, type=int)
        rows = self._store.ask("select * from tasks order by changed desc, rowid desc limit ?", limit)
        tasks = [
            {
                "at": _timestamp(row["changed"]),
                "queue": row["queue"],
                "name": row["name"].rpartition("/")[2],
                "state": row["state"],
                "attempts": row["attempts"],
                "last_status": row["last_status"],
                "url": json.loads(row["request"])["url"],
            }
            for row in rows
        ]
        if request.accept_mimetypes.best == "text/html":
            return page("Cloud Tasks", ("at", "queue", "state", "attempts", "last_status", "url", "name"), tasks)
        return {"tasks": tasks}

    def set_faults(self) -> dict[str, Any]:
        self._dispatcher.faults = _read(Faults, request.get_data())
        self._dispatcher.wake()
        return self._dispatcher.faults.model_dump()


def _read(model: type[M], body: bytes) -> M:
    try:
        return model.model_validate_json(body)
    except ValidationError as invalid:
        said = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in invalid.errors())
        raise Refused(400, "INVALID_ARGUMENT", f"Invalid JSON payload received. {said}") from None


def _task_name(queue: str, name: str) -> str:
    """Return the name to keep a task under: the wished one when it is well made, else one of our own."""
    if not name:
        return f"{queue}/tasks/{secrets.randbits(63)}"
    prefix, _, task = name.rpartition("/tasks/")
    if prefix != queue:
        message = f"The queue name from request ('{queue}') must be the same as the queue name in the named task ('{prefix}')."
        raise Refused(400, "INVALID_ARGUMENT", message)
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,500}", task):
        message = (
            f'Task ID "{task}" can contain only letters ([A-Za-z]), numbers ([0-9]), hyphens (-), or underscores (_). '
            "Task ID must between 1 and 500 characters."
        )
        raise Refused(400, "INVALID_ARGUMENT", message)
    return name


def _resource(row: sqlite3.Row, view: int | str) -> dict[str, Any]:
    full = view in {2, "2", "FULL"}
    sent = json.loads(row["request"])
    if not full:
        sent.pop("body", None)
    return {
        "name": row["name"],
        "httpRequest": {"httpMethod": "POST", **sent, "headers": {**sent.get("headers", {}), "User-Agent": AGENT}},
        "scheduleTime": _timestamp(row["scheduled"]),
        "createTime": _timestamp(int(row["created"])),
        "dispatchDeadline": f"{row['deadline']:g}s",
        "dispatchCount": row["attempts"],
        "responseCount": row["responses"],
        "view": "FULL" if full else "BASIC",
    }


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def main() -> None:
    parser = argparse.ArgumentParser(description="Local Cloud Tasks.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--metadata", required=True, metavar="HOST:PORT", help="whose tokens are accepted and sent")
    parser.add_argument("--queues", type=Path, required=True, help="functions.yaml")
    parser.add_argument("--data", type=Path, required=True, help="where tasks are kept")
    parser.add_argument("--name-memory", type=float, default=NAME_MEMORY, help="seconds a name stays taken")
    options = parser.parse_args()
    queues, metadata = read_queues(options.queues), Metadata(options.metadata)
    server = CloudTasksServer(queues, metadata, options.data, name_memory=options.name_memory)
    server.start()
    try:
        serve(server.app, options.port)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
