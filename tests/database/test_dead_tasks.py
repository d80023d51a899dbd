"""A task that failed for a day is dead: it is logged, listed, and sent again on an admin's request."""

import logging
from datetime import timedelta
from typing import Any

import pytest

from shared.kit.ids import new_id
from shared.outbox import queries
from shared.outbox.dispatch import DispatchingDatabase
from shared.outbox.pending import PENDING
from shared.outbox.queries import GRACE, SENDS, SWEEP_BACKOFF_MINUTES
from shared.outbox.sweep import sweep
from shared.users.models import ADMIN
from tests.fakes import Queue
from tests.framework import client
from tests.make import run_concurrently

DAY = timedelta(days=1)


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def dispatching(db, queue):
    return DispatchingDatabase(db, queue)


@pytest.fixture
def add(db, now):
    def add(kind="payments.callback", **payload):
        with db.transaction() as session:
            queries.enqueue(session, kind, payload, now)
            [message] = session.info[PENDING]
        return message.id

    return add


def sweep_until_dead(db, queue, begun):
    """Sweep whenever a message is due, until none is; returns the times and the sent tasks."""
    at, sent = begun + GRACE, 0
    for minutes in [*SWEEP_BACKOFF_MINUTES, *[SWEEP_BACKOFF_MINUTES[-1]] * SENDS]:
        did = sweep(db, queue, at)
        sent += did["sent"]
        if did["dead"]:
            return at, sent
        at += timedelta(minutes=minutes)
    raise AssertionError("it does not die")


@pytest.mark.parametrize("kind", ["payments.callback", "nobody.knows"])
def test_exhausted_message_is_dead_logged_once_and_not_resent(db, queue, add, make, now, caplog, kind):
    message_id = add(kind)
    with caplog.at_level(logging.ERROR):
        died_at, sent = sweep_until_dead(db, queue, now)
        assert sweep(db, queue, died_at + DAY) == {"overdue": 0, "dead": 0, "oldest_seconds": 0, "sent": 0}
    assert sent == SENDS
    assert DAY - timedelta(hours=1) < died_at - now <= DAY
    assert make.rows("select dead_at, generation, done_at from outbox") == [(died_at, SENDS, None)]
    [logged] = [record for record in caplog.records if "dead" in record.message]
    assert logged.fields == {"alarm": "dead_task", "kind": kind, "id": str(message_id)}


def test_concurrent_sweeps_report_dead_message_once(db, queue, add, make, now):
    add()
    make.run("update outbox set generation = :sends", sends=SENDS)
    outcomes = run_concurrently(4, lambda: sweep(db, queue, now + GRACE))
    assert sum(outcome["dead"] for outcome in outcomes) == 1
    assert queue.tasks == []


def test_late_success_revives_dead_message(db, queue, add, make, now):
    message_id = add()
    died_at, _ = sweep_until_dead(db, queue, now)
    with db.transaction() as session:
        assert queries.lease(session, message_id, died_at)
    with db.transaction() as session:
        queries.mark_done(session, message_id, died_at)
    assert make.rows("select dead_at, done_at from outbox") == [(None, died_at)]


def dead(make, message_id):
    make.run("update outbox set dead_at = created_at, generation = :sends where id = :id", id=message_id, sends=SENDS)


class AdminTasks:
    """An admin's calls about tasks, over the function itself."""

    def __init__(self, world) -> None:
        from functions.admin import admin

        self.client, self.world = client(admin.app), world

    def call(self, method: str, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.world.tokens[ADMIN]}"}
        return self.client.open(f"/api/v1/admin/tasks{path}", method=method, headers=headers)


@pytest.fixture
def admin_tasks(world) -> AdminTasks:
    return AdminTasks(world)


def test_dead_tasks_are_listed_by_subject_without_payload(admin_tasks, add, make, db):
    inbox_id = new_id()
    dying, waiting = add(inbox_id=str(inbox_id), name="Meera Nair", phone="+919876543210"), add("home_chef.lapse")
    with db.transaction() as session:
        queries.mark_failed(session, dying, "GatewayUnavailable")
    dead(make, dying)
    [shown] = admin_tasks.call("GET", "").json["items"]
    assert (shown["id"], shown["state"], shown["kind"]) == (str(dying), "dead", "payments.callback")
    assert shown["about"] == {"inbox_id": str(inbox_id)}
    assert (shown["sends"], shown["failures"], shown["last_error"]) == (SENDS, 1, "GatewayUnavailable")
    assert shown["dead_at"] is not None
    assert "Meera" not in str(shown)
    assert "+91" not in str(shown)
    [alive] = admin_tasks.call("GET", "?state=waiting").json["items"]
    assert (alive["id"], alive["state"], alive["dead_at"]) == (str(waiting), "waiting", None)
    assert admin_tasks.call("GET", "?state=done").status_code == 422


def test_retried_dead_task_is_audited_with_fresh_tries(
    admin_tasks, add, make, db, dispatching, queue, world, monkeypatch
):
    """Fails when the tries are not reset: the next sweep would mark it dead again."""
    from functions import wiring

    monkeypatch.setattr(wiring, "database", lambda: dispatching)
    message_id = add()
    dead(make, message_id)
    answer = admin_tasks.call("POST", f"/{message_id}/retry")
    assert (answer.status_code, answer.json["state"], answer.json["dead_at"]) == (200, "waiting", None)
    assert [task.name for task in queue.tasks] == [f"{message_id.hex}-{SENDS + 1}"]
    assert make.rows("select actor_id, action, subject_id, before, after from audit_log") == [
        (world.people[ADMIN].id, "task.retried", message_id, {"state": "dead"}, {"state": "waiting"})
    ]
    [(next_try,)] = make.rows("select next_try_at from outbox")
    _, sent = sweep_until_dead(db, queue, next_try - GRACE)
    assert sent == SENDS
    assert len({task.name for task in queue.tasks}) == SENDS + 1


def test_only_dead_tasks_can_be_retried(admin_tasks, add, make, db, now):
    waiting, done = add(), add()
    with db.transaction() as session:
        queries.mark_done(session, done, now)
    for message_id in (waiting, done):
        answer = admin_tasks.call("POST", f"/{message_id}/retry")
        assert (answer.status_code, answer.json["code"]) == (409, "not_dead")
    assert admin_tasks.call("POST", f"/{new_id()}/retry").json["code"] == "task_not_found"
    assert make.rows("select count(*) from audit_log") == [(0,)]


def test_concurrent_retries_send_once(admin_tasks, add, make):
    """Fails when the message is read before it is locked."""
    message_id = add()
    dead(make, message_id)
    answers = run_concurrently(4, lambda: admin_tasks.call("POST", f"/{message_id}/retry").status_code)
    assert sorted(answers) == [200, 409, 409, 409]
    assert make.rows("select generation from outbox") == [(SENDS + 1,)]
