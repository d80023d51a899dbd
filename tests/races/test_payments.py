"""Concurrent signals of one payment through the real servers have one effect, one posting, and one mail each.

Where possible, the test holds the booking's lock until every signal waits for it, so the race is certain. Each test was
seen to fail without its protection, which its docstring names.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import requests

from tests.http.test_callback import report, send
from tests.races.crowd import Member, at_once, crowd, leave
from tests.races.signals import (
    all_at,
    all_paid_without_signal,
    assert_paid_once,
    assert_sent_back,
    at_rest,
    booked,
    events,
    gateway,
    job,
    mails,
    paid_without_signal,
    paise,
    queue,
    settle,
    task,
    waiting,
)
from tests.system import System, eventually, start_system

BOOKINGS = 12
AT_ONCE = 20
LATE = 0.3  # seconds until the gateway answers


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Yield a separate system: these races fill calendars and delete the queue's tasks."""
    with start_system(tmp_path_factory.mktemp("payments")) as running:
        yield running


@pytest.fixture(scope="module")
def members(system: System) -> Iterator[list[Member]]:
    made = crowd(system, BOOKINGS)
    yield made
    leave(made)


@pytest.fixture(autouse=True)
def disarm_faults(system: System) -> Iterator[None]:
    """Disarm every fault for the next test."""
    yield
    system.http.delete(f"{system.url}/_local/payments/faults", timeout=10).raise_for_status()
    queue(system)


@pytest.mark.parametrize(("worded", "askers"), [("the same", 1), ("anew each time", 6)])
def test_twenty_concurrent_callbacks_are_one_payment(system: System, members: list[Member], worded: str, askers: int):
    """Copies with different bodies are separate messages, and each polls the gateway.

    Fails when the settlement does not lock the booking and the attempt (`for no key update` in `queries.locked` and
    `locked_attempt`): several find the attempt pending and apply the success.
    """
    booking, txn = paid_without_signal(system, members[0])
    reports = [
        report(merchantTransactionId=txn, amount=paise(booking), **({"copy": n} if worded == "anew each time" else {}))
        for n in range(AT_ONCE)
    ]
    before = system.sql("select count(*) from inbox")[0][0]

    answers = all_at(system, booking, [partial(send, system, response) for response in reports], askers)

    assert Counter(answer.status_code for answer in answers) == {200: AT_ONCE}
    stored = system.sql("select count(*) from inbox")[0][0] - before
    assert stored == len(set(reports))
    at_rest(system)
    assert_paid_once(system, members[0], booking)


def test_all_concurrent_signals_are_one_payment(system: System, members: list[Member]):
    """Fails without the locks of the test before."""
    member = members[1]
    booking, txn = paid_without_signal(system, member)
    queue(system, drop=1)
    assert send(system, report(merchantTransactionId=txn)).status_code == 200
    [callback] = waiting(system, "payments.callback")
    system.sql(
        "update payment_attempts set next_poll_at = now() - interval '2 minutes' where merchant_txn_id = :txn", txn=txn
    )

    signals: list[Callable[[], requests.Response]] = [
        *(partial(send, system, report(merchantTransactionId=txn, copy=n)) for n in range(4)),
        *(partial(member.get, f"/payments/status/{txn}") for _ in range(4)),
        *(job(system, "reconcile") for _ in range(4)),
        *(task(system, callback) for _ in range(4)),
    ]
    answers = all_at(system, booking, signals, 6)

    assert {answer.status_code for answer in answers[:12]} == {200}
    assert Counter(answer.status_code for answer in answers[12:])[200] >= 1  # the message is leased: redelivered later
    assert {answer.status_code for answer in answers[12:]} <= {200, 500}
    at_rest(system)
    assert_paid_once(system, member, booking)
    again = "select o.id from outbox o where created_at > now() - interval '1 minute'"
    assert {task(system, message)().status_code for [message] in system.sql(again)} == {200}
    assert member.get(f"/payments/status/{txn}").json()["status"] == "success"
    assert_paid_once(system, member, booking)


def test_concurrent_deliveries_send_one_mail(system: System, members: list[Member]):
    """Fails when a lease does not exclude others (`leased_until` unchecked): each delivery sends the mail."""
    member = members[2]
    booking, txn = paid_without_signal(system, member)
    queue(system, drop=3)  # two mails, and between them the offer's expiry
    assert member.get(f"/payments/status/{txn}").json()["status"] == "success"
    message_ids = waiting(system, "notifications.mail")
    assert len(message_ids) == 2

    answers = at_once([task(system, message) for message in message_ids for _ in range(8)])

    assert {answer.status_code for answer in answers} <= {200, 500}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 500} <= {"not_done"}
    assert_paid_once(system, member, booking)


@pytest.mark.parametrize("times", [2, AT_ONCE])
def test_concurrent_starts_make_one_attempt(system: System, members: list[Member], times: int):
    """Fails when the booking is not locked first: the others violate the unique index of live attempts (a 500), and
    without the index the customer has several pages for one booking."""
    member = members[3]
    booking = booked(system, member)
    gateway(system, "pay.timeout", value=LATE)
    known = {
        each["merchantTransactionId"] for each in system.http.get(f"{system.url}/_local/payments", timeout=10).json()
    }

    answers = at_once([partial(member.post, "/payments/initiate", {"booking_id": booking["id"]}) for _ in range(times)])

    assert {answer.status_code for answer in answers} <= {200, 409}
    refused = [answer for answer in answers if answer.status_code == 409]
    assert all(answer.json()["code"] == "payment_in_progress" for answer in refused)
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
    [page] = {answer.text for answer in answers if answer.status_code == 200}
    assert member.post("/payments/initiate", {"booking_id": booking["id"]}).text == page
    attempts = "select merchant_txn_id from payment_attempts where booking_id = :id"
    [[txn]] = system.sql(attempts, id=booking["id"])
    listed = system.http.get(f"{system.url}/_local/payments", timeout=10).json()
    assert {each["merchantTransactionId"] for each in listed} - known == {txn}
    settle(system, txn)
    assert member.get(f"/payments/status/{txn}").json()["status"] == "success"


def test_success_at_deadline_is_confirmed_or_refunded(system: System, members: list[Member]):
    """Fails when the expiry does not decide again on the locked row (`is_overdue` in `expiry._cancel`): a booking paid
    since the read is cancelled and its money kept."""
    paid = all_paid_without_signal(system, members)
    for _, txn in paid:
        gateway(system, "status.timeout", txn, value=0.02)
    system.sql("update bookings set pay_by = now() where status = 'pending'")

    polls = [partial(member.get, f"/payments/status/{txn}") for member, (_, txn) in zip(members, paid, strict=True)]
    answers = at_once([*polls, *(job(system, "expire") for _ in range(3))])

    assert {answer.status_code for answer in answers} == {200}
    system.sql(
        "update payment_attempts set next_poll_at = now() - interval '2 minutes' where state in ('created', 'pending')"
    )
    system.run_job("reconcile")
    ended = "select count(*) from refunds where state <> 'done'"
    eventually(lambda: system.sql(ended) == [[0]])
    at_rest(system)
    for member, (booking, _) in zip(members, paid, strict=True):
        confirmed = member.client.booking(booking["id"])["status"] == "confirmed"
        (assert_paid_once if confirmed else assert_sent_back)(system, member, booking)


def test_concurrent_expiries_cancel_each_booking_once(system: System, members: list[Member]):
    """Fails when the expiry does not lock the booking before it decides: each job cancels it and writes its history."""
    with ThreadPoolExecutor(4) as threads:
        bookings = list(threads.map(partial(booked, system), members))
    system.sql("update bookings set pay_by = now() where status = 'pending'")

    answers = at_once([job(system, "expire") for _ in range(8)])

    assert {answer.status_code for answer in answers} == {200}
    at_rest(system)
    for member, booking in zip(members, bookings, strict=True):
        assert member.client.booking(booking["id"])["status"] == "cancelled"
        assert events(system, booking)["cancelled"] == 1
        reserved, cancellation = mails(system, booking, member.client.email)
        assert "Booked" in reserved
        assert "not paid in time" in cancellation


def test_concurrent_reconciliations_poll_each_payment_once(system: System, members: list[Member]):
    """Fails when due polls are read without being claimed (`for update skip locked` in the statement of `polls`): each
    job polls all of them."""
    paid = all_paid_without_signal(system, members)
    system.sql("update payment_attempts set next_poll_at = now() - interval '2 minutes' where state = 'pending'")

    answers = at_once([job(system, "reconcile") for _ in range(8)])

    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.json()["did"]["asked"] for answer in answers) <= BOOKINGS  # the scheduler's own job may poll too
    at_rest(system)
    for member, (booking, _) in zip(members, paid, strict=True):
        assert_paid_once(system, member, booking)


def test_concurrent_sweeps_send_each_message_once(system: System, members: list[Member]):
    """Fails when overdue messages are read without being claimed (`for update skip locked` in the outbox): each sweep
    sends them under its own task name."""
    paid = all_paid_without_signal(system, members[:4])
    queue(system, drop=99)
    for member, (_, txn) in zip(members, paid, strict=False):
        assert member.get(f"/payments/status/{txn}").json()["status"] == "success"
    message_ids = waiting(system, "notifications.mail")
    assert len(message_ids) == 8
    queue(system)
    system.sql("update outbox set next_try_at = now() where done_at is null and due_at <= now()")

    answers = at_once([job(system, "sweep") for _ in range(8)])

    assert {answer.status_code for answer in answers} == {200}
    at_rest(system)
    sent = "select distinct generation from outbox where id = any(:ids)"
    assert system.sql(sent, ids=message_ids) == [[1]]
    for member, (booking, _) in zip(members, paid, strict=False):
        assert_paid_once(system, member, booking)


def test_concurrent_refund_reports_complete_it_once(system: System, members: list[Member]):
    """Fails when the settlement of a refund does not lock the booking and the refund (`queries.locked`,
    `locked_refund`): several find it pending and record its completion."""
    member = members[4]
    booking, txn = paid_without_signal(system, member)
    gateway(system, "refund.stays_pending", txn)
    system.sql("update bookings set pay_by = now() where id = :id", id=booking["id"])
    assert job(system, "expire")().status_code == 200
    assert member.get(f"/payments/status/{txn}").json()["status"] == "success"
    at_rest(system)
    [[refund]] = system.sql("select merchant_refund_id from refunds where booking_id = :id", id=booking["id"])
    settle(system, refund)
    system.sql(
        "update refunds set next_poll_at = now() - interval '2 minutes' where booking_id = :id", id=booking["id"]
    )

    signals = [partial(send, system, report(merchantTransactionId=refund, copy=n)) for n in range(AT_ONCE)]
    answers = all_at(system, booking, [*signals, *(job(system, "reconcile") for _ in range(4))], 7)

    assert {answer.status_code for answer in answers} == {200}
    at_rest(system)
    listed = system.http.get(f"{system.url}/_local/payments", timeout=10).json()
    assert [each["amount"] for each in listed if each["originalTransactionId"] == txn] == [paise(booking)]
    assert_sent_back(system, member, booking)
