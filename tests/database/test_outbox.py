"""Outbox messages are stored with their fact, sent after the commit, and done once by the first worker."""

from datetime import timedelta

import pytest

from shared.kit.ids import new_id
from shared.outbox import queries
from shared.outbox.dispatch import DispatchingDatabase, send
from shared.outbox.pending import PENDING, PendingMessage
from shared.outbox.queries import GRACE, LEASE, SENDS, SWEEP_BACKOFF_MINUTES, Overdue
from shared.outbox.sweep import BATCH, sweep
from tests.fakes import Queue
from tests.make import run_concurrently

MICROSECOND = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
NOTHING = {"overdue": 0, "dead": 0, "oldest_seconds": 0, "sent": 0}


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def dispatching(db, queue) -> DispatchingDatabase:
    return DispatchingDatabase(db, queue)


@pytest.fixture
def add(dispatching, now):
    """Enqueue a message in its own transaction; returns its id."""

    def add(kind="payments.refund", due_at=None):
        with dispatching.transaction() as session:
            queries.enqueue(session, kind, {"a": 1}, now, due_at)
            [message] = session.info[PENDING]
        return message.id

    return add


@pytest.fixture
def backlog(db, now):
    """Enqueue so many messages that never reach the queue."""

    def backlog(count):
        with db.transaction() as session:
            for _ in range(count):
                queries.enqueue(session, "payments.refund", {}, now)

    return backlog


@pytest.fixture
def lease(db, now):
    def lease(message_id, after=timedelta(0)):
        with db.transaction() as session:
            return queries.lease(session, message_id, now + after)

    return lease


def finish(db, message_id, now):
    with db.transaction() as session:
        queries.mark_done(session, message_id, now)


def test_message_is_stored_with_its_fact(add, make, now):
    message_id = add()
    assert make.rows("select id, kind, payload, due_at, next_try_at, generation, done_at from outbox") == [
        (message_id, "payments.refund", {"a": 1}, now, now + GRACE, 0, None)
    ]


def test_message_is_rolled_back_with_its_fact(dispatching, queue, make, now):
    def crash():
        with dispatching.transaction() as session:
            queries.enqueue(session, "payments.refund", {}, now)
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        crash()
    assert make.rows("select count(*) from outbox") == [(0,)]
    assert queue.tasks == []


def test_message_is_sent_only_after_commit(dispatching, queue, make, now):
    with dispatching.transaction() as session:
        queries.enqueue(session, "payments.refund", {}, now)
        session.flush()
        assert queue.tasks == []
        assert make.rows("select count(*) from outbox") == [(0,)]
    [task] = queue.tasks
    [(message_id,)] = make.rows("select id from outbox")
    assert (task.path, task.body, task.name) == (f"/outbox/{message_id}", b"{}", f"{message_id.hex}-0")


def test_later_transactions_do_not_resend_message(dispatching, queue, now):
    with dispatching.transaction() as session:
        queries.enqueue(session, "payments.refund", {}, now)
    with dispatching.transaction() as session:
        queries.enqueue(session, "notifications.mail", {}, now)
    assert [task.queue for task in queue.tasks] == ["payments", "mails"]


def test_delayed_message_has_schedule_time(add, queue, make, now):
    later = now + timedelta(hours=3)
    add(due_at=later)
    assert queue.tasks[0].due_at == later
    assert make.rows("select due_at, next_try_at from outbox") == [(later, later + GRACE)]


def test_queue_outage_keeps_fact_and_sweep_sends_new_task(dispatching, queue, make, now):
    queue.is_down = True
    with dispatching.transaction() as session:
        queries.enqueue(session, "payments.refund", {}, now)
    assert make.rows("select count(*) from outbox") == [(1,)]
    queue.is_down = False
    assert sweep(dispatching, queue, now + GRACE - MICROSECOND) == NOTHING
    assert sweep(dispatching, queue, now + GRACE) == {"overdue": 1, "dead": 0, "oldest_seconds": 60, "sent": 1}
    [(message_id,)] = make.rows("select id from outbox")
    assert [task.name for task in queue.tasks] == [f"{message_id.hex}-1"]


def test_sweep_during_outage_leaves_message_to_next_sweep(dispatching, queue, add, now):
    add()
    queue.is_down = True
    assert sweep(dispatching, queue, now + GRACE) == {"overdue": 1, "dead": 0, "oldest_seconds": 60, "sent": 0}
    queue.is_down = False
    assert sweep(dispatching, queue, now + GRACE + MINUTE) == {
        "overdue": 1,
        "dead": 0,
        "oldest_seconds": 120,
        "sent": 1,
    }


def test_unfinished_message_is_resent_with_growing_delay(add, dispatching, queue, now):
    message_id = add()
    at = now + GRACE
    for generation, minutes in enumerate([*SWEEP_BACKOFF_MINUTES, SWEEP_BACKOFF_MINUTES[-1]], 1):
        assert sweep(dispatching, queue, at - MICROSECOND)["overdue"] == 0
        waited = (at - now).total_seconds()
        assert sweep(dispatching, queue, at) == {"overdue": 1, "dead": 0, "oldest_seconds": waited, "sent": 1}
        assert queue.tasks[-1].name == f"{message_id.hex}-{generation}"
        at += minutes * MINUTE


def test_sweep_sends_committed_but_unqueued_message(db, dispatching, queue, make, now):
    """The process dies between the commit and the queue: a plain database commits and sends nothing."""
    with db.transaction() as session:
        queries.enqueue(session, "payments.refund", {}, now)
    assert queue.tasks == []
    assert sweep(dispatching, queue, now + GRACE)["sent"] == 1
    [(message_id,)] = make.rows("select id from outbox")
    assert [task.path for task in queue.tasks] == [f"/outbox/{message_id}"]


def test_unconfirmed_task_is_queued_once(db, queue, lease, add, make, now):
    """The same sending has the same task name; the sweep's is another task and finds the message done."""
    queue.loses_confirmation = True
    message_id = add()
    assert send(queue, [PendingMessage(message_id, "payments.refund", 0, now)]) == 0
    assert len(queue.tasks) == 1
    queue.loses_confirmation = False
    assert lease(message_id)
    finish(db, message_id, now)
    assert sweep(db, queue, now + GRACE) == NOTHING
    assert make.rows("select count(*) from outbox where done_at is not null") == [(1,)]


def test_sweep_retries_for_about_a_day():
    """After that a message is dead; tests/database/test_dead_tasks.py."""
    backoff = [*SWEEP_BACKOFF_MINUTES, *[SWEEP_BACKOFF_MINUTES[-1]] * SENDS][:SENDS]
    assert timedelta(hours=23) < GRACE + sum(backoff) * MINUTE <= timedelta(hours=24)


def test_done_message_is_not_resent(add, dispatching, db, queue, now):
    finish(db, add(), now)
    assert sweep(dispatching, queue, now + timedelta(days=1)) == NOTHING
    assert len(queue.tasks) == 1


def test_concurrent_sweeps_send_different_messages(add, dispatching, queue, make, now):
    for _ in range(20):
        add()
    queue.tasks.clear()
    outcomes = run_concurrently(4, lambda: sweep(dispatching, queue, now + GRACE))
    assert sum(outcome["sent"] for outcome in outcomes) == 20
    assert len({task.name for task in queue.tasks}) == 20
    assert make.rows("select distinct generation from outbox") == [(1,)]


def test_sweep_skips_locked_messages(add, db, queue, now):
    """Fails (it waits for the read timeout) without `skip locked`."""
    add()
    with db.transaction() as session:
        assert len(queries.overdue(session, now + GRACE, 10).waiting) == 1
        queue.tasks.clear()
        with db.transaction() as other:
            assert queries.overdue(other, now + GRACE, 10) == Overdue([], [])


def test_sweep_sends_all_overdue_messages(db, queue, backlog, now):
    backlog(2 * BATCH + 1)
    assert sweep(db, queue, now + GRACE)["sent"] == 2 * BATCH + 1
    assert sweep(db, queue, now + GRACE) == NOTHING


def test_slow_sweep_leaves_messages_to_another(db, queue, backlog, now):
    """Fails when a sweep claims everything at once: the second finds nothing, and unsent messages lose a turn."""
    backlog(2 * BATCH + 1)
    others = []

    class SlowQueue(Queue):
        def enqueue(self, task, within=0.5):
            if not others:
                others.append(sweep(db, queue, now + GRACE)["sent"])
            super().enqueue(task, within)

    slow = SlowQueue()
    assert sweep(db, slow, now + GRACE)["sent"] == BATCH
    assert others == [BATCH + 1]
    assert {task.name for task in slow.tasks}.isdisjoint(task.name for task in queue.tasks)


def test_queue_outage_costs_few_messages_per_sweep(db, queue, backlog, make, now):
    backlog(2 * BATCH)
    queue.is_down = True
    assert sweep(db, queue, now + GRACE)["sent"] == 0
    assert make.rows("select generation, count(*) from outbox group by 1 order by 1") == [(0, BATCH), (1, BATCH)]
    queue.is_down = False
    assert sweep(db, queue, now + GRACE)["sent"] == BATCH


def test_message_is_leased_to_one_worker(add, lease):
    message_id = add()
    outcomes = run_concurrently(6, lambda: lease(message_id))
    assert sorted(outcome is None for outcome in outcomes) == [False, True, True, True, True, True]
    assert [outcome for outcome in outcomes if outcome] == [("payments.refund", {"a": 1})]


def test_abandoned_lease_expires(add, lease):
    message_id = add()
    assert lease(message_id)
    assert lease(message_id, LEASE) is None
    assert lease(message_id, LEASE + MICROSECOND)


def test_failure_returns_lease_and_is_counted(add, lease, db, make):
    message_id = add()
    for _ in range(2):
        assert lease(message_id)
        with db.transaction() as session:
            queries.mark_failed(session, message_id, "GatewayUnavailable")
    assert make.rows("select failures, last_error, leased_until, done_at from outbox") == [
        (2, "GatewayUnavailable", None, None)
    ]
    assert lease(message_id)


def test_done_message_is_not_leased_or_done_twice(add, lease, db, make, now):
    message_id = add()
    lease(message_id)
    finish(db, message_id, now)
    finish(db, message_id, now + MINUTE)
    assert make.rows("select done_at, leased_until from outbox") == [(now, None)]
    assert lease(message_id, timedelta(days=1)) is None
    with db.reading() as session:
        assert queries.is_done(session, message_id)


def test_waiting_message_is_not_done_unknown_message_is(add, db):
    message_id = add()
    with db.reading() as session:
        assert not queries.is_done(session, message_id)
        assert queries.is_done(session, new_id())


def test_sending_stops_at_budget_and_sweep_sends_rest(queue, now):
    messages = [PendingMessage(new_id(), "payments.refund", 0, now) for _ in range(3)]
    assert send(queue, messages, budget_seconds=0) == 0
    assert queue.tasks == []
    assert send(queue, messages) == 3


def test_each_sending_has_its_own_task_name(queue, now):
    message_id = new_id()
    send(queue, [PendingMessage(message_id, "payments.refund", generation, now) for generation in range(3)])
    assert len({task.name for task in queue.tasks}) == 3
    assert {task.path for task in queue.tasks} == {f"/outbox/{message_id}"}
