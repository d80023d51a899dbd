"""The ladder: a task for each rung asks once, however it comes, and after the last rung a person has to look."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from functions.wiring import line
from shared.outbox.dispatch import DispatchingDatabase
from shared.payments import following, queries, refunding, rungs
from shared.payments.following import EARLY, OVERDUE
from shared.payments.gateway import GatewayUnavailable
from shared.payments.ladder import AFTER_THE_LAST, STEPS
from shared.payments.models import Attempt
from tests.fakes import Queue
from tests.make import at, together
from tests.round_trips import counted

JUST = timedelta(microseconds=1)
FIRST, SECOND = STEPS[:2]
PROMISED = "select payload, due_at from outbox where kind = 'payments.follow' order by due_at"


@pytest.fixture
def task(db, gateway, make, now):
    """Bring a task of the ladder, of the attempt where nothing else is said."""

    def task(after, **payload):
        if not payload:
            [(attempt_id,)] = make.rows("select id from payment_attempts")
            payload = {"attempt_id": str(attempt_id)}
        following.promised(db, at(gateway), line, payload, now + after)

    return task


@pytest.fixture
def reconcile(db, gateway, now):
    return lambda after: following.reconcile(db, at(gateway), line, now + after)


def polls(make, table="payment_attempts"):
    return make.rows(f"select polls from {table}")[0][0]


def promised(make):
    """The instants the ladder has promised to ask at, of whatever."""
    return [due_at for _, due_at in make.rows(PROMISED)]


@pytest.mark.usefixtures("our_id")
def test_a_page_comes_with_the_promise_to_ask_on_the_first_rung(make, now):
    [(attempt_id,)] = make.rows("select id from payment_attempts")
    assert make.rows(PROMISED) == [({"attempt_id": str(attempt_id)}, now + FIRST)]


@pytest.mark.usefixtures("our_id")
def test_every_rung_asks_once_and_promises_the_next_and_the_last_asks_for_a_person(make, booking, task, now):
    for rung, step in enumerate(STEPS, 1):
        assert make.rows("select next_poll_at from payment_attempts") == [(now + step,)]
        assert make.rows("select count(*) from exceptions") == [(0,)]
        task(step)
        assert polls(make) == rung
    assert promised(make) == [now + step for step in STEPS]
    assert make.rows("select next_poll_at, state from payment_attempts") == [(None, "pending")]
    assert make.rows("select kind, booking_id from exceptions") == [("payment_unresolved", booking.id)]
    task(STEPS[-1] * 2)
    assert (polls(make), len(promised(make))) == (len(STEPS), len(STEPS))


@pytest.mark.usefixtures("our_id")
def test_a_task_that_comes_early_late_or_again_asks_nothing_twice(make, task, now):
    """Fails when the rung is not moved by the statement that looks whether it is due."""
    task(FIRST - EARLY - JUST)
    assert polls(make) == 0
    for _ in range(3):
        task(FIRST - EARLY)  # the clock of the queue is ahead of ours
    assert polls(make) == 1
    task(SECOND)
    task(FIRST)  # overtaken on its way
    assert polls(make) == 2
    task(timedelta(minutes=10))
    task(timedelta(minutes=14))
    assert polls(make) == 3
    assert promised(make) == [now + STEPS[rung] for rung in (0, 1, 2, 5)]


@pytest.mark.usefixtures("our_id")
def test_tasks_and_reconciliations_at_once_ask_once_and_promise_the_next_rung_once(make, task, reconcile, now):
    """Fails when a rung is read before it is taken."""
    late = FIRST + OVERDUE
    together(8, lambda: (task(late), reconcile(late)))
    assert polls(make) == 1
    assert promised(make) == [now + FIRST, now + timedelta(minutes=4)]


@pytest.mark.usefixtures("our_id")
def test_a_task_that_meets_a_settlement_waits_for_it_and_keeps_its_rung(db, make, task):
    """Fails with `skip locked` for a task: its rung would be asked on minutes later, by the reconciliation."""
    with ThreadPoolExecutor(1) as pool:
        with db.transaction() as session:
            session.execute(text("select 1 from payment_attempts for update"))
            coming = pool.submit(task, FIRST)
            with pytest.raises(TimeoutError):
                coming.result(0.2)
        coming.result(10)
    assert polls(make) == 1


def test_what_has_ended_is_not_asked_about_by_the_task_that_still_waits(make, phonepe, gateway, our_id, task):
    phonepe.settle(our_id, "pay")
    make.settle(gateway, our_id)
    asked = make.rows("select asked_at from payment_attempts")
    task(FIRST)
    assert make.rows("select asked_at from payment_attempts") == asked
    assert (polls(make), len(promised(make))) == (0, 1)


def test_a_task_settles_what_the_gateway_says(make, phonepe, booking, our_id, task):
    phonepe.settle(our_id, "pay")
    task(FIRST)
    assert make.stored(booking.id).status == "confirmed"
    assert make.rows("select next_poll_at from payment_attempts") == [(None,)]


def test_a_silent_gateway_is_asked_again_on_the_next_rung(make, phonepe, our_id, task):
    phonepe.settle(our_id, "pay")
    phonepe.fault("status.http_500")
    task(FIRST)
    task(FIRST + EARLY)
    assert make.rows("select state, polls from payment_attempts") == [("pending", 1)]
    task(SECOND)
    assert make.rows("select state from payment_attempts") == [("succeeded",)]


def test_an_admin_who_wants_to_know_is_told_whatever_the_rung(make, phonepe, our_id, task):
    [(attempt_id,)] = make.rows("select id from payment_attempts")
    now = {"attempt_id": str(attempt_id), "now": True}
    phonepe.settle(our_id, "pay")
    phonepe.fault("status.http_500")
    with pytest.raises(GatewayUnavailable):
        task(timedelta(seconds=1), **now)
    task(timedelta(seconds=1), **now)
    assert make.rows("select state from payment_attempts") == [("succeeded",)]


def test_a_timed_out_payment_climbs_on_and_needs_no_person_when_it_stays_so(
    make, phonepe, gateway, customer, booking, our_id, task
):
    """Fails when the end of every ladder is an exception: a booking paid otherwise could not be started."""
    [(timed_out,)] = make.rows("select id from payment_attempts")
    phonepe.settle(our_id, "decline", code="TIMED_OUT")
    task(FIRST)
    second = make.page(gateway, customer, booking.id).merchant_txn_id
    phonepe.settle(second, "pay")
    make.settle(gateway, second)
    for step in STEPS[1:]:
        task(step, attempt_id=str(timed_out))
    asked = "select polls, next_poll_at from payment_attempts where id = :id"
    assert make.rows(asked, id=timed_out) == [(len(STEPS), None)]
    assert make.rows("select count(*) from exceptions") == [(0,)]
    assert make.stored(booking.id).payment_status == "success"


@pytest.mark.breaks_invariants("refunds are promised without the decision that is booked with them")
def test_a_refund_nobody_answers_for_climbs_to_a_person_and_stays_under_way(
    make, phonepe, gateway, db, customer, task, now
):
    booking, txn = make.paid(gateway, phonepe, customer)
    phonepe.fault("refund.stays_pending", transaction=txn)
    with db.transaction() as session:
        attempt = queries.attempt_by_our_id(session, txn)
        refund = refunding.promise(session, attempt, 100_00, reason="a test", now=now).id
    for step in STEPS:
        assert ({"refund_id": str(refund)}, now + step) in make.rows(PROMISED)
        task(step, refund_id=str(refund))
    assert make.rows("select state, next_poll_at, polls from refunds") == [("pending", None, len(STEPS))]
    assert make.rows("select kind, booking_id from exceptions") == [("refund_unresolved", booking.id)]


@pytest.mark.usefixtures("our_id")
def test_who_dies_on_the_last_rung_leaves_it_to_the_reconciliation(make, db, task, reconcile, now):
    """Fails when taking the last rung ends the ladder: nobody would ever look at this payment."""
    for step in STEPS[:-1]:
        task(step)
    [(attempt_id,)] = make.rows("select id from payment_attempts")
    last = now + STEPS[-1]
    with db.transaction() as session:
        assert [rung.is_last for rung in rungs.climb(session, Attempt, attempt_id, last, last)] == [True]
    assert reconcile(STEPS[-1] + AFTER_THE_LAST).asked == 0
    assert reconcile(STEPS[-1] + AFTER_THE_LAST + OVERDUE).given_up == 1
    assert make.rows("select kind from exceptions") == [("payment_unresolved",)]


@pytest.mark.usefixtures("our_id")
def test_the_next_rungs_task_is_handed_to_the_queue_with_the_rung_that_was_taken(db, gateway, make, now):
    queue = Queue()
    [(attempt_id,)] = make.rows("select id from payment_attempts")
    following.promised(DispatchingDatabase(db, queue), at(gateway), line, {"attempt_id": str(attempt_id)}, now + FIRST)
    assert [(task.queue, task.due_at) for task in queue.tasks] == [("payments", now + SECOND)]


@pytest.mark.usefixtures("our_id")
def test_a_rung_is_taken_and_the_next_promised_in_one_statement_however_many_there_are(make, gateway, reconcile):
    """And a round of the reconciliation takes the rungs of all that are due in one."""
    for _ in range(3):
        make.chef()
        other = make.customer()
        make.page(gateway, other, make.booking(other).id)
    with counted() as seen:
        assert reconcile(FIRST + OVERDUE).asked == 4
    assert len([statement for statement in seen.statements if "unnest" in statement]) == 2  # of attempts, of refunds
    assert len([statement for statement in seen.statements if "into outbox" in statement]) == 2
