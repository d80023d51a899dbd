"""The poll schedule: each poll's task asks the gateway once, and the last poll opens an exception."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from functions.wiring import line
from shared.outbox.dispatch import DispatchingDatabase
from shared.payments import poll_queue, queries, refunding, status_polling
from shared.payments.gateway import GatewayUnavailable
from shared.payments.models import Attempt
from shared.payments.poll_schedule import RECLAIM_LAST_AFTER, STEPS
from shared.payments.status_polling import CLOCK_SKEW, LOST_AFTER
from tests.fakes import Queue
from tests.make import always, run_concurrently
from tests.round_trips import counted

MICROSECOND = timedelta(microseconds=1)
FIRST, SECOND = STEPS[:2]
SCHEDULED = "select payload, due_at from outbox where kind = 'payments.poll' order by due_at"


@pytest.fixture
def task(db, gateway, make, now):
    """Handle a poll message, by default of the only attempt."""

    def task(after, **payload):
        if not payload:
            [(attempt_id,)] = make.rows("select id from payment_attempts")
            payload = {"attempt_id": str(attempt_id)}
        status_polling.handle_poll(db, always(gateway), line, payload, now + after)

    return task


@pytest.fixture
def reconcile(db, gateway, now):
    return lambda after: status_polling.reconcile(db, always(gateway), line, now + after)


def polls(make, table="payment_attempts"):
    return make.rows(f"select polls from {table}")[0][0]


def scheduled(make):
    """Return the scheduled instants of all attempts' and refunds' polls."""
    return [due_at for _, due_at in make.rows(SCHEDULED)]


@pytest.mark.usefixtures("our_id")
def test_page_schedules_first_poll(make, now):
    [(attempt_id,)] = make.rows("select id from payment_attempts")
    assert make.rows(SCHEDULED) == [({"attempt_id": str(attempt_id)}, now + FIRST)]


@pytest.mark.usefixtures("our_id")
def test_each_poll_asks_once_and_last_opens_exception(make, booking, task, now):
    for step_number, step in enumerate(STEPS, 1):
        assert make.rows("select next_poll_at from payment_attempts") == [(now + step,)]
        assert make.rows("select count(*) from exceptions") == [(0,)]
        task(step)
        assert polls(make) == step_number
    assert scheduled(make) == [now + step for step in STEPS]
    assert make.rows("select next_poll_at, state from payment_attempts") == [(None, "pending")]
    assert make.rows("select kind, booking_id from exceptions") == [("payment_unresolved", booking.id)]
    task(STEPS[-1] * 2)
    assert (polls(make), len(scheduled(make))) == (len(STEPS), len(STEPS))


@pytest.mark.usefixtures("our_id")
def test_early_late_or_repeated_task_polls_once(make, task, now):
    """Fails when the statement that checks whether the poll is due does not advance it."""
    task(FIRST - CLOCK_SKEW - MICROSECOND)
    assert polls(make) == 0
    for _ in range(3):
        task(FIRST - CLOCK_SKEW)  # the queue's clock is ahead of ours
    assert polls(make) == 1
    task(SECOND)
    task(FIRST)  # delivered out of order
    assert polls(make) == 2
    task(timedelta(minutes=10))
    task(timedelta(minutes=14))
    assert polls(make) == 3
    assert scheduled(make) == [now + STEPS[step_number] for step_number in (0, 1, 2, 5)]


@pytest.mark.usefixtures("our_id")
def test_concurrent_tasks_and_reconciliations_poll_once(make, task, reconcile, now):
    """Fails when a poll is read before it is claimed."""
    late = FIRST + LOST_AFTER
    run_concurrently(8, lambda: (task(late), reconcile(late)))
    assert polls(make) == 1
    assert scheduled(make) == [now + FIRST, now + timedelta(minutes=4)]


@pytest.mark.usefixtures("our_id")
def test_task_waits_for_settlement_and_keeps_its_poll(db, make, task):
    """Fails when a task claims with `skip locked`: its poll would run minutes later, by the reconciliation."""
    with ThreadPoolExecutor(1) as pool:
        with db.transaction() as session:
            session.execute(text("select 1 from payment_attempts for update"))
            coming = pool.submit(task, FIRST)
            with pytest.raises(TimeoutError):
                coming.result(0.2)
        coming.result(10)
    assert polls(make) == 1


def test_waiting_task_does_not_poll_ended_payment(make, phonepe, gateway, our_id, task):
    phonepe.settle(our_id, "pay")
    make.settle(gateway, our_id)
    asked_at = make.rows("select asked_at from payment_attempts")
    task(FIRST)
    assert make.rows("select asked_at from payment_attempts") == asked_at
    assert (polls(make), len(scheduled(make))) == (0, 1)


def test_task_settles_gateways_answer(make, phonepe, booking, our_id, task):
    phonepe.settle(our_id, "pay")
    task(FIRST)
    assert make.stored(booking.id).status == "confirmed"
    assert make.rows("select next_poll_at from payment_attempts") == [(None,)]


def test_silent_gateway_is_polled_on_schedule(make, phonepe, our_id, task):
    phonepe.settle(our_id, "pay")
    phonepe.fault("status.http_500")
    task(FIRST)
    task(FIRST + CLOCK_SKEW)
    assert make.rows("select state, polls from payment_attempts") == [("pending", 1)]
    task(SECOND)
    assert make.rows("select state from payment_attempts") == [("succeeded",)]


def test_admin_poll_ignores_the_schedule(make, phonepe, our_id, task):
    [(attempt_id,)] = make.rows("select id from payment_attempts")
    now = {"attempt_id": str(attempt_id), "force": True}
    phonepe.settle(our_id, "pay")
    phonepe.fault("status.http_500")
    with pytest.raises(GatewayUnavailable):
        task(timedelta(seconds=1), **now)
    task(timedelta(seconds=1), **now)
    assert make.rows("select state from payment_attempts") == [("succeeded",)]


def test_timed_out_payment_ends_schedule_without_exception(make, phonepe, gateway, customer, booking, our_id, task):
    """Fails when every schedule ends with an exception: a booking paid otherwise could not be started."""
    [(timed_out,)] = make.rows("select id from payment_attempts")
    phonepe.settle(our_id, "decline", code="TIMED_OUT")
    task(FIRST)
    second = make.page(gateway, customer, booking.id).merchant_txn_id
    phonepe.settle(second, "pay")
    make.settle(gateway, second)
    for step in STEPS[1:]:
        task(step, attempt_id=str(timed_out))
    statement = "select polls, next_poll_at from payment_attempts where id = :id"
    assert make.rows(statement, id=timed_out) == [(len(STEPS), None)]
    assert make.rows("select count(*) from exceptions") == [(0,)]
    assert make.stored(booking.id).payment_status == "success"


@pytest.mark.breaks_invariants("refunds are promised without the decision that is booked with them")
def test_unanswered_refund_ends_in_exception_unfinished(make, phonepe, gateway, db, customer, task, now):
    booking, txn = make.paid(gateway, phonepe, customer)
    phonepe.fault("refund.stays_pending", transaction=txn)
    with db.transaction() as session:
        attempt = queries.attempt_by_our_id(session, txn)
        refund = refunding.reserve(session, attempt, 100_00, reason="a test", now=now).id
    for step in STEPS:
        assert ({"refund_id": str(refund)}, now + step) in make.rows(SCHEDULED)
        task(step, refund_id=str(refund))
    assert make.rows("select state, next_poll_at, polls from refunds") == [("pending", None, len(STEPS))]
    assert make.rows("select kind, booking_id from exceptions") == [("refund_unresolved", booking.id)]


@pytest.mark.usefixtures("our_id")
def test_reconciliation_resumes_last_poll_of_dead_worker(make, db, task, reconcile, now):
    """Fails when claiming the last poll ends the polling: the payment would stay pending for ever."""
    for step in STEPS[:-1]:
        task(step)
    [(attempt_id,)] = make.rows("select id from payment_attempts")
    last = now + STEPS[-1]
    with db.transaction() as session:
        assert [poll.is_last for poll in poll_queue.claim_due_one(session, Attempt, attempt_id, last, last)] == [True]
    assert reconcile(STEPS[-1] + RECLAIM_LAST_AFTER).asked == 0
    assert reconcile(STEPS[-1] + RECLAIM_LAST_AFTER + LOST_AFTER).given_up == 1
    assert make.rows("select kind from exceptions") == [("payment_unresolved",)]


@pytest.mark.usefixtures("our_id")
def test_next_polls_task_is_queued_with_claimed_poll(db, gateway, make, now):
    queue = Queue()
    [(attempt_id,)] = make.rows("select id from payment_attempts")
    status_polling.handle_poll(
        DispatchingDatabase(db, queue), always(gateway), line, {"attempt_id": str(attempt_id)}, now + FIRST
    )
    assert [(task.queue, task.due_at) for task in queue.tasks] == [("payments", now + SECOND)]


@pytest.mark.usefixtures("our_id")
def test_one_statement_claims_and_schedules_polls(make, gateway, reconcile):
    """A reconciliation run also claims all due polls in one statement."""
    for _ in range(3):
        make.chef()
        other = make.customer()
        make.page(gateway, other, make.booking(other).id)
    with counted() as seen:
        assert reconcile(FIRST + LOST_AFTER).asked == 4
    assert len([statement for statement in seen.statements if "unnest" in statement]) == 2  # of attempts, of refunds
    assert len([statement for statement in seen.statements if "into outbox" in statement]) == 2
