"""PhonePe is slow, fails, or answers empty, HTML or 429 at each call: pending stays pending, an initiation gets a 503
that works later, and no payment, refund or paisa is lost or had twice (docs/product.md#settlement).
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from tests.e2e.test_dependencies_down import assert_try_later
from tests.e2e.test_journey import balances
from tests.http.test_callback import report, send
from tests.races.crowd import Member, crowd, leave
from tests.races.signals import (
    assert_paid_once,
    assert_sent_back,
    at_rest,
    booked,
    events,
    gateway,
    job,
    paid_without_signal,
    paise,
    settle,
)
from tests.system import System, eventually, start_system

BAD = ("http_500", "empty", "html", "rate_limited")
GIVEN_UP = 11  # seconds of delay, longer than the client's timeout (`infra.phonepe.calls.TIMEOUT`)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with start_system(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture(scope="module")
def members(system: System) -> Iterator[list[Member]]:
    made = crowd(system, 6)
    yield made
    leave(made)


def initiate(member: Member, booking: dict[str, Any]) -> Any:
    return member.post("/payments/initiate", {"booking_id": booking["id"]})


def calls_given_up(system: System) -> None:
    """Advance past the time in which a call to the gateway may still be in flight."""
    system.sql("update payment_attempts set started_at = started_at - interval '20 s' where state = 'created'")


def late_success(system: System, member: Member, fault: str, **wish: object) -> tuple[dict[str, Any], str]:
    """Let a payment succeed after its booking was cancelled; its refund meets the fault once."""
    booking, txn = paid_without_signal(system, member)
    gateway(system, fault, txn, times=1, **wish)
    system.sql("update bookings set pay_by = now() where id = :id", id=booking["id"])
    assert job(system, "expire")().status_code == 200
    assert member.get(f"/payments/status/{txn}").json()["status"] == "success"
    return booking, txn


def refunds_of(system: System, txn: str) -> list[int]:
    listed = system.http.get(f"{system.url}/_local/payments", timeout=10).json()
    return [each["amount"] for each in listed if each["originalTransactionId"] == txn]


def test_a_start_without_an_answer_works_later_and_should_both_be_paid_one_goes_back(
    system: System, members: list[Member]
):
    """The gateway created each first payment, but its response never reached us.

    Fails when an attempt whose page nobody saw is forgotten instead of failed (an unknown id is paid: nothing goes back),
    and when a second success is applied like the first.
    """
    tried = []
    for member, fault in zip(members, BAD, strict=False):
        booking = booked(system, member)
        gateway(system, f"pay.{fault}", times=1)
        assert_try_later(initiate(member, booking))
        assert member.client.booking(booking["id"])["payment_status"] == "pending"
        again = initiate(member, booking)
        assert (again.status_code, again.json()["code"]) == (409, "payment_in_progress")
        tried.append((member, booking))
    calls_given_up(system)
    first = "select merchant_txn_id from payment_attempts where booking_id = :id order by started_at limit 1"
    for member, booking in tried:
        txn = initiate(member, booking).json()["merchant_txn_id"]
        settle(system, txn)
        assert member.get(f"/payments/status/{txn}").json()["status"] == "success"
        [[unseen]] = system.sql(first, id=booking["id"])
        settle(system, unseen)
        assert send(system, report(merchantTransactionId=unseen)).status_code == 200
    for member, booking in tried:
        shown = eventually(partial(with_refund_done, member, booking))
        assert (shown["status"], shown["payment_status"]) == ("confirmed", "success")
        assert [refund["amount"] for refund in shown["refunds"]] == [booking["total"]]
        happened = events(system, booking)
        assert (happened["payment_succeeded"], happened["payment_duplicate"], happened["refund_done"]) == (1, 1, 1)
        total = paise(booking)
        assert balances(system, booking["id"]) == {"gateway_clearing": total, "customer_advance": -total}


def with_refund_done(member: Member, booking: dict[str, Any]) -> dict[str, Any] | None:
    shown = member.client.booking(booking["id"])
    return shown if [refund["state"] for refund in shown["refunds"]] == ["done"] else None


def test_an_unanswered_status_request_leaves_the_payment_pending(system: System, members: list[Member]):
    """Fails when an answer that is none ends a payment, and when a callback's task is done though nobody answered it."""
    paid = []
    for member, fault in zip(members, BAD, strict=False):
        booking, txn = paid_without_signal(system, member)
        gateway(system, f"status.{fault}", txn, times=2)
        polled = member.get(f"/payments/status/{txn}")
        assert (polled.status_code, polled.json()["status"]) == (200, "pending")
        assert member.client.booking(booking["id"])["payment_status"] == "pending"
        assert send(system, report(merchantTransactionId=txn)).status_code == 200
        paid.append((member, booking))
    at_rest(system)
    failures = (
        "select failures, last_error from outbox where kind = 'payments.callback' order by created_at desc limit 4"
    )
    assert system.sql(failures) == [[1, None]] * len(BAD)
    for member, booking in paid:
        assert_paid_once(system, member, booking)


def test_a_refund_without_an_answer_is_followed_to_its_end_and_sent_once(system: System, members: list[Member]):
    """Fails when a refund whose sending got no answer is called failed, and when it is sent anew under another id."""
    late = [
        (member, *late_success(system, member, f"refund.{fault}"))
        for member, fault in zip(members, (*BAD, "unreached"), strict=False)
    ]
    at_rest(system)
    unreached = late[-1][1]
    assert [refund["state"] for refund in late[-1][0].client.booking(unreached["id"])["refunds"]] == ["pending"]
    system.sql(
        "update refunds set sent_at = sent_at - interval '2 minutes', next_poll_at = now() - interval '2 minutes' where booking_id = :id",
        id=unreached["id"],
    )
    system.run_job("reconcile")
    for member, booking, _ in late:
        eventually(partial(with_refund_done, member, booking))
    at_rest(system)
    for member, booking, txn in late:
        assert refunds_of(system, txn) == [paise(booking)]
        assert_sent_back(system, member, booking)


def test_a_slow_gateway_times_out_and_delays_no_other_request(system: System, members: list[Member]):
    """A start, a poll and a refund meet it at once.

    Fails without a timeout (`infra.phonepe.calls.TIMEOUT`), and when it is asked inside a transaction.
    """
    starter, poller, other = members[3:6]
    booking, wanted = booked(system, starter), booked(system, other)
    gateway(system, "pay.timeout", times=1, value=GIVEN_UP)
    open_for_long = (
        "select count(*) from pg_stat_activity where state like 'idle in%' and now() - xact_start > '1 second'"
    )
    with ThreadPoolExecutor(2) as threads:
        started = threads.submit(initiate, starter, booking)
        eventually(lambda: system.sql("select count(*) from payment_attempts where state = 'created'") == [[1]])
        time.sleep(0.2)  # the call is on its way, and has taken the fault with it
        paid, txn = paid_without_signal(system, poller)
        gateway(system, "status.timeout", txn, times=1, value=GIVEN_UP)
        polled = threads.submit(poller.get, f"/payments/status/{txn}")
        returned, _ = late_success(system, members[0], "refund.timeout", value=GIVEN_UP)
        began = time.monotonic()
        assert initiate(other, wanted).status_code == 200
        assert other.get("/customer/bookings").status_code == 200
        assert time.monotonic() - began < 2
        time.sleep(1)
        assert system.sql(open_for_long) == [[0]]
        assert not started.done()
        assert not polled.done()
        assert_try_later(started.result(20))
        assert polled.result(20).json()["status"] == "pending"
    assert send(system, report(merchantTransactionId=txn)).status_code == 200
    calls_given_up(system)
    assert initiate(starter, booking).status_code == 200
    at_rest(system)
    assert_paid_once(system, poller, paid)
    eventually(partial(with_refund_done, members[0], returned))
    at_rest(system)
    assert_sent_back(system, members[0], returned)
