"""Stores tasks and paused queues in SQLite."""

import sqlite3
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

NAME_MEMORY: Final = 24 * 3600.0  # seconds a name stays reserved after its task is deleted
GONE_STATES: Final = ("done", "dropped", "deleted")
GONE: Final = f"state in {GONE_STATES}"
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


class Store:
    """Tasks in SQLite, so that accepted tasks survive a restart; rows of deleted tasks reserve their names."""

    def __init__(self, path: Path, name_memory: float) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._name_memory = name_memory
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.executescript(f"pragma journal_mode = wal; pragma synchronous = off; {_SCHEMA}")
        self._db.execute("update tasks set state = 'scheduled' where state = 'running'")

    def execute(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(statement, values).fetchall()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def add(self, row: Mapping[str, Any]) -> sqlite3.Row | None:
        """Store and return a new task; None if its name is reserved."""
        self.execute(f"delete from tasks where {GONE} and changed <= ?", time.time() - self._name_memory)
        columns, holes = ", ".join(row), ", ".join("?" * len(row))
        added = f"insert into tasks ({columns}) values ({holes}) on conflict do nothing returning *"
        return next(iter(self.execute(added, *row.values())), None)

    def get(self, name: str) -> sqlite3.Row | None:
        return next(iter(self.execute("select * from tasks where name = ?", name)), None)

    def claim(self, chosen: str, *values: Any) -> list[sqlite3.Row]:
        """Mark scheduled tasks as running and return them; `chosen` is the condition that selects them."""
        return self.execute(
            "update tasks set state = 'running', attempts = attempts + 1, changed = ? "
            f"where name in (select name from tasks where state = 'scheduled' and {chosen}) returning *",
            time.time(),
            *values,
        )

    def settle(self, name: str, state: str, status: int | None, due: float) -> None:
        """Store an attempt's result, unless the task was deleted meanwhile; a 5xx does not count as an execution."""
        self.execute(
            "update tasks set state = ?, last_status = ?, due = ?, scheduled = ?, responses = responses + ?, "
            "executions = executions + ?, changed = ? where name = ? and state = 'running'",
            *(state, status, due, due, status is not None, status is not None and status < 500, time.time(), name),
        )

    def end(self, state: str, column: Literal["name", "queue"], value: str) -> bool:
        """Set scheduled or running tasks to a final state; False if there are none."""
        ended = f"update tasks set state = ?, changed = ? where {column} = ? and not {GONE} returning 1"
        return bool(self.execute(ended, state, time.time(), value))
