"""Signals about payments (callbacks, polls, jobs, tasks), and assertions about their final effect."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import Any

import requests

from tests.e2e.test_journey import balances
from tests.postgres_server import plain_connection
from tests.races.crowd import Member, at_once
from tests.system import System, eventually


def queue(system: System, **faults: object) -> None:
    system.http.post(f"{system.url}/_local/tasks/faults", json=faults, timeout=10).raise_for_status()


def gateway(system: System, fault: str, txn: str | None = None, **settings: object) -> None:
    url = f"{system.url}/_local/payments/{f'{txn}/' if txn else ''}faults"
    system.http.post(url, json={"fault": fault, "times": 99, **settings}, timeout=10).raise_for_status()


def settle(system: System, txn: str) -> None:
    """Let the customer pay at the gateway without any signal to us."""
    gateway(system, "callback.lost", txn)
    url = f"{system.url}/_local/payments/{txn}/settle"
    system.http.post(url, json={"outcome": "pay"}, timeout=10).raise_for_status()


def booked(system: System, member: Member) -> dict[str, Any]:
    """Book and wait for the booking's notifications, so that later ones belong to the test."""
    booking = member.client.book(address_id=member.address_id)
    notified = (
        "select 1 from outbox o join notifications n on n.id = cast(o.payload->>'notification_id' as uuid)"
        " where n.subject_id = :id and o.done_at is not null"
    )
    eventually(lambda: system.sql(notified, id=booking["id"]))
    return booking


def paid_without_signal(system: System, member: Member) -> tuple[dict[str, Any], str]:
    booking = booked(system, member)
    page = member.post("/payments/initiate", {"booking_id": booking["id"]}).json()
    settle(system, page["merchant_txn_id"])
    return booking, page["merchant_txn_id"]


def all_paid_without_signal(system: System, members: Sequence[Member]) -> list[tuple[dict[str, Any], str]]:
    with ThreadPoolExecutor(4) as threads:
        return list(threads.map(partial(paid_without_signal, system), members))


def job(system: System, name: str) -> Callable[[], requests.Response]:
    """Return a call of a scheduled job that bypasses the scheduler, which never runs a job twice at once."""
    identity = system.identity(system.env["SCHEDULE_URL"], system.env["SCHEDULE_INVOKER"])
    return partial(system.call, "schedule", "POST", f"/jobs/{name}", headers=identity)


def task(system: System, message_id: object) -> Callable[[], requests.Response]:
    """Return a delivery of an outbox message, as the queue sends it."""
    identity = system.identity(system.env["TASKS_URL"], system.env["TASKS_INVOKER"])
    return partial(system.call, "tasks", "POST", f"/outbox/{message_id}", headers=identity)


def all_at(
    system: System, booking: dict[str, Any], signals: Sequence[Callable[[], requests.Response]], waiting: int
) -> list[requests.Response]:
    """Send all signals while the booking is locked; release it once that many transactions wait for it."""
    blocked = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
    with ThreadPoolExecutor(1) as thread, closing(plain_connection(system.env["DATABASE_URL"])) as holder:
        holder.run("begin")
        holder.run("select 1 from bookings where id = :id for update", id=booking["id"])
        answers = thread.submit(at_once, signals)
        eventually(lambda: system.sql(blocked)[0][0] >= waiting, 8)
        holder.run("commit")
        return answers.result(60)


def waiting(system: System, kind: str = "%") -> list[object]:
    """Return the ids of due outbox messages; offer expiries are due later."""
    statement = "select id from outbox where done_at is null and due_at <= now() and kind like :kind"
    return [row[0] for row in system.sql(statement, kind=kind)]


def at_rest(system: System) -> None:
    """Wait until every due outbox message is done."""
    eventually(lambda: not waiting(system), 30)


def events(system: System, booking: dict[str, Any]) -> Counter[str]:
    rows = system.sql("select kind from booking_events where booking_id = :id", id=booking["id"])
    return Counter(kind for [kind] in rows)


def mails(system: System, booking: dict[str, Any], to: str) -> list[str]:
    """Return a person's mails about a booking, ordered by subject."""
    return sorted(mail["subject"] for mail in system.mails(to) if booking["ref"] in mail["subject"])


def paise(booking: dict[str, Any]) -> int:
    return round(booking["total"] * 100)


def assert_settled_once(system: System, member: Member, booking: dict[str, Any]) -> None:
    """Assert one successful attempt and one posting."""
    shown = member.client.booking(booking["id"])
    assert (shown["status"], shown["payment_status"], shown["refunds"]) == ("confirmed", "success", [])
    happened = events(system, booking)
    assert (happened["payment_succeeded"], happened["confirmed"]) == (1, 1)
    booked = "select kind from ledger_transactions where booking_id = :id"
    assert system.sql(booked, id=booking["id"]) == [["captured"]]
    total = paise(booking)
    assert balances(system, booking["id"]) == {"gateway_clearing": total, "customer_advance": -total}


def assert_paid_once(system: System, member: Member, booking: dict[str, Any]) -> None:
    """Assert one confirmation, one posting, and one mail each to the customer and the chef."""
    assert_settled_once(system, member, booking)
    reserved, customer_mails = mails(system, booking, member.client.email)
    [chef_mails] = mails(system, booking, "asha@sizzle.example")
    assert "Booked" in reserved
    assert "Confirmed" in customer_mails
    assert "please answer" in chef_mails


def assert_sent_back(system: System, member: Member, booking: dict[str, Any]) -> None:
    """Assert a cancelled booking, a full refund, and no mail of a confirmation."""
    shown = member.client.booking(booking["id"])
    assert (shown["status"], shown["payment_status"]) == ("cancelled", "refunded")
    assert [(refund["amount"], refund["state"]) for refund in shown["refunds"]] == [(booking["total"], "done")]
    happened = events(system, booking)
    assert (happened["confirmed"], happened["cancelled"], happened["refund_done"]) == (0, 1, 1)
    assert balances(system, booking["id"]) == {}
    booked = "select kind from ledger_transactions where booking_id = :id order by 1"
    assert system.sql(booked, id=booking["id"]) == [["owed_back"], ["refund_done"]]
    subjects = mails(system, booking, member.client.email)
    assert len(subjects) == 4
    for words in ("Booked", "not paid in time", "goes back", "Refunded"):
        assert [words in subject for subject in subjects].count(True) == 1
    assert mails(system, booking, "asha@sizzle.example") == []
