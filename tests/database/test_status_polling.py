"""Every signal is a hint: which polls it causes, how often, and when it opens an exception."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from functions.wiring import line
from shared.bookings.admin.schemas import ExceptionClosing
from shared.payments import exception_resolution, queries, refunding, status_polling
from shared.payments.poll_schedule import STEPS
from shared.payments.status_polling import LOST_AFTER
from tests.fakes import ScriptedGateway
from tests.make import always, run_concurrently

FIRST = timedelta(seconds=30)
LATE = FIRST + LOST_AFTER  # when the first poll counts as lost
MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
def reconcile(db, gateway, now):
    def reconcile(after):
        done = status_polling.reconcile(db, always(gateway), line, now + after)
        return done.asked, done.silent

    return reconcile


@pytest.fixture
def poll(db, gateway, make, our_id, now):
    def poll(after=timedelta(0)):
        [(attempt_id,)] = make.rows("select id from payment_attempts where merchant_txn_id = :id", id=our_id)
        status_polling.poll_for_customer(db, always(gateway), line, attempt_id, now + after)

    return poll


def state(make):
    return make.rows("select state from payment_attempts")[0][0]


@pytest.mark.usefixtures("our_id")
def test_poll_is_left_to_its_task_until_considered_lost(reconcile):
    assert reconcile(LATE - MICROSECOND) == (0, 0)
    assert reconcile(LATE) == (1, 0)
    assert reconcile(LATE) == (0, 0)


@pytest.mark.usefixtures("our_id")
def test_closed_unfinished_payment_is_polled_a_day_later(db, make, reconcile, now):
    """Fails when closing ends the polling: the payment stays pending and blocks its booking's payment."""
    reconcile(STEPS[-1] + LOST_AFTER)
    [(exception,)] = make.rows("select id from exceptions")
    closed_at = STEPS[-1] + timedelta(hours=1)
    with db.transaction() as session:
        closing = ExceptionClosing(closing_note="the gateway says wait")
        exception_resolution.close(session, line, exception, closing, make.admin(), now + closed_at)
    assert reconcile(closed_at) == (0, 0)
    assert reconcile(closed_at + timedelta(days=1) + LOST_AFTER) == (1, 0)
    assert make.rows("select count(*), count(closed_at) from exceptions") == [(2, 1)]


@pytest.mark.usefixtures("our_id")
def test_late_reconciliation_polls_once_and_reschedules(make, reconcile, now):
    assert reconcile(timedelta(minutes=10)) == (1, 0)
    next_poll = now + timedelta(minutes=15)
    assert make.rows("select next_poll_at from payment_attempts") == [(next_poll,)]
    assert (next_poll,) in make.rows("select due_at from outbox where kind = 'payments.poll'")


def test_reconciliation_finds_success_without_signal(make, phonepe, our_id, reconcile):
    phonepe.settle(our_id, "pay")
    assert reconcile(LATE) == (1, 0)
    assert state(make) == "succeeded"
    assert reconcile(timedelta(days=1)) == (0, 0)


def test_reconciliation_finds_payment_without_page(make, phonepe, gateway, customer, booking, reconcile):
    phonepe.fault("pay.http_500")
    with pytest.raises(Exception, match="no answer"):
        make.page(gateway, customer, booking.id)
    phonepe.settle(phonepe.transactions()[0]["merchantTransactionId"], "pay")
    reconcile(LATE)
    assert make.stored(booking.id).payment_status == "success"


def test_silent_gateway_leaves_all_pending_and_polls_others(make, phonepe, gateway, our_id, reconcile):
    make.chef()
    customer = make.customer()
    other = make.page(gateway, customer, make.booking(customer).id).merchant_txn_id
    for txn in (our_id, other):
        phonepe.settle(txn, "pay")
    phonepe.fault("status.http_500", transaction=our_id)
    assert reconcile(LATE) == (2, 1)
    assert make.rows("select state from payment_attempts where merchant_txn_id = :id", id=our_id) == [("pending",)]
    assert make.rows("select state from payment_attempts where merchant_txn_id = :id", id=other) == [("succeeded",)]
    assert reconcile(timedelta(minutes=6)) == (1, 0)
    assert make.rows("select distinct state from payment_attempts") == [("succeeded",)]


def test_a_silent_gateway_does_not_stop_the_polls_of_another(db, make, now):
    gateways = {name: ScriptedGateway(name=name) for name in ("dead", "alive")}
    for name in ("dead", "dead", "dead", "dead", "alive"):
        make.chef()
        customer = make.customer()
        make.page(gateways[name], customer, make.booking(customer).id)
    gateways["dead"].silent = True
    done = status_polling.reconcile(db, gateways.__getitem__, line, now + LATE)
    assert (done.asked, done.silent) == (4, 3)
    assert done.given_up == 0


@pytest.mark.usefixtures("our_id")
def test_concurrent_reconciliations_poll_each_payment_once(make, gateway, reconcile):
    for _ in range(4):
        make.chef()
        customer = make.customer()
        make.page(gateway, customer, make.booking(customer).id)
    outcomes = run_concurrently(3, lambda: reconcile(LATE))
    assert sum(count for count, _ in outcomes) == 5
    assert make.rows("select distinct polls from payment_attempts") == [(1,)]


@pytest.mark.usefixtures("our_id")
def test_slow_reconciliation_leaves_rest_to_another(db, make, gateway, now, monkeypatch):
    """Fails when a reconciliation claims all due polls at once, or holds a lock during a gateway call."""
    monkeypatch.setattr(status_polling, "BATCH", 1)
    for _ in range(2):
        make.chef()
        customer = make.customer()
        make.page(gateway, customer, make.booking(customer).id)
    others = []

    def slow(_):
        if not others:
            others.append(status_polling.reconcile(db, always(gateway), line, now + LATE).asked)
        return gateway

    assert status_polling.reconcile(db, slow, line, now + LATE).asked == 1
    assert others == [2]


@pytest.mark.usefixtures("our_id")
def test_payment_being_settled_is_skipped(db, reconcile):
    """Fails (it waits for the read timeout) without `skip locked`."""
    with db.transaction() as session:
        session.execute(text("select 1 from payment_attempts for update"))
        assert reconcile(LATE) == (0, 0)


@pytest.mark.breaks_invariants("refunds are promised without the decision that is booked with them")
def test_reconciliation_sends_refund_with_lost_task(make, phonepe, gateway, db, customer, reconcile, now):
    _, txn = make.paid(gateway, phonepe, customer)
    with db.transaction() as session:
        refunding.reserve(session, queries.attempt_by_our_id(session, txn), 100_00, reason="a test", now=now)
    reconcile(LATE)
    reconcile(timedelta(minutes=6))
    assert make.rows("select state from refunds") == [("done",)]


def test_customer_polls_are_limited_to_every_three_seconds(make, phonepe, our_id, poll):
    phonepe.settle(our_id, "pay", after_polls=2)
    run_concurrently(6, poll)
    poll(timedelta(seconds=3) - timedelta(microseconds=1))
    assert state(make) == "pending"
    poll(timedelta(seconds=3))
    poll(timedelta(seconds=5))
    assert state(make) == "pending"
    poll(timedelta(seconds=6))
    assert state(make) == "succeeded"


def test_silent_gateway_is_pending_for_waiting_customer(make, phonepe, our_id, poll):
    phonepe.settle(our_id, "pay")
    phonepe.fault("status.http_500")
    poll()
    assert state(make) == "pending"
    poll(timedelta(seconds=3))
    assert state(make) == "succeeded"


def test_ended_payment_is_not_polled_again(make, phonepe, our_id, poll):
    phonepe.settle(our_id, "decline")
    poll()
    phonepe.settle(our_id, "pay", force=True)
    poll(timedelta(minutes=1))
    assert state(make) == "failed"


def test_unknown_id_is_not_polled(db, gateway, now, phonepe):
    assert status_polling.poll_by_our_id(db, always(gateway), line, "SZ_SOMEBODY", now) == "unknown"
    assert status_polling.poll_by_our_id(db, always(gateway), line, "", now) == "unknown"
    assert phonepe.transactions() == []
