"""For developers and tests: the list of tasks, and fault injection."""

import json
import sqlite3
from typing import Any

from flask import Blueprint, request

from infra.local.cloud_tasks.dispatcher import Dispatcher
from infra.local.cloud_tasks.faults import Faults
from infra.local.cloud_tasks.store import Store
from infra.local.cloud_tasks.wire import read, timestamp
from infra.local.serving import moment, page, table, wants_page


def pages(store: Store, dispatcher: Dispatcher) -> Blueprint:
    """Return `/_local/tasks` (JSON, and a page in a browser) and `/_local/tasks/faults`."""
    routes = Blueprint("pages", __name__, url_prefix="/_local/tasks")

    @routes.get("")
    def show() -> str | dict[str, Any]:
        limit = request.args.get("limit", 100, type=int)
        rows = store.execute("select * from tasks order by changed desc, rowid desc limit ?", limit)
        tasks = [_summary(row) for row in rows]
        if wants_page(request.accept_mimetypes):
            shown = [{**task, "at": f"{moment(task['at'])} UTC"} for task in tasks]
            columns = ("at", "queue", "state", "attempts", "last_status", "url")
            return page("Cloud Tasks", table(columns, shown))
        return {"tasks": tasks}

    @routes.post("/faults")
    def set_faults() -> dict[str, Any]:
        dispatcher.faults = read(Faults, request.get_data())
        dispatcher.wake()
        return dispatcher.faults.model_dump()

    return routes


def _summary(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "at": timestamp(row["changed"]),
        "queue": row["queue"],
        "name": row["name"].rpartition("/")[2],
        "state": row["state"],
        "attempts": row["attempts"],
        "last_status": row["last_status"],
        "url": json.loads(row["request"])["url"],
    }
