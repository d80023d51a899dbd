"""Postgres restarts, is down, or cuts its connections while customers book and pay: requests get 503 with Retry-After,
then the same processes continue, and each booking and each paisa is recorded exactly once.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import requests

from infra.local.demo import demo_id
from tests.e2e.pieces import Pieces
from tests.e2e.test_dependencies_down import assert_try_later
from tests.http.test_callback import report, send
from tests.postgres_server import plain_connection
from tests.races.crowd import Member, crowd, leave
from tests.races.signals import assert_settled_once, at_rest, mails
from tests.system import System, eventually, start_system

CUSTOMERS = 6
OTHERS = "pid <> pg_backend_pid() and usename = current_user"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with start_system(tmp_path_factory.mktemp("database")) as running:
        yield running


@pytest.fixture(scope="module")
def pieces(system: System) -> Pieces:
    return Pieces(system)


@pytest.fixture(scope="module")
def members(system: System) -> Iterator[list[Member]]:
    made = crowd(system, CUSTOMERS)
    yield made
    leave(made)


@dataclass
class Shopper:
    """A customer who books, pays and reads, and retries each 503."""

    system: System
    member: Member
    answers: list[requests.Response] = field(default_factory=list)
    booked: list[dict[str, Any]] = field(default_factory=list)
    left: list[dict[str, Any]] = field(default_factory=list)

    def shop(self, ended: threading.Event) -> None:
        while not ended.is_set() and len(self.left) < 3:  # a fourth unpaid booking is refused
            body = self.system.slot() | {"address_id": self.member.address_id}
            key = f"{body['booking_date']} {body['time_slot']}"
            book = partial(self.member.post, "/customer/bookings", body, Idempotency_Key=key)
            booking = self.insist(book).json()
            self.booked.append(booking)
            self.pay(booking)
            for path in ("/customer/bookings", "/customer/profile", f"/customer/bookings/{booking['id']}"):
                self.insist(partial(self.member.get, path))

    def pay(self, booking: dict[str, Any]) -> None:
        page = self.insist(partial(self.member.post, "/payments/initiate", {"booking_id": booking["id"]}))
        if (
            page.status_code == 409
        ):  # the gateway's response with the page was lost; another page is possible after 20 s
            assert page.json()["code"] == "payment_in_progress"
            self.left.append(booking)
            return
        self.system.http.post(page.json()["payment_url"], data={"outcome": "pay"}, allow_redirects=False, timeout=10)
        self.insist(partial(self.member.get, f"/payments/status/{page.json()['merchant_txn_id']}"))

    def insist(self, act: Callable[[], requests.Response]) -> requests.Response:
        """Repeat a call until it returns no 503."""
        until = time.monotonic() + 30
        while True:
            self.answers.append(act())
            if self.answers[-1].status_code != 503:
                return self.answers[-1]
            assert time.monotonic() < until
            time.sleep(0.1)


def traffic(system: System, members: list[Member], disturb: Callable[[], None]) -> list[Shopper]:
    """Run all shoppers while the database is disturbed, and a moment longer."""
    shoppers = [Shopper(system, member) for member in members]
    ended = threading.Event()
    with ThreadPoolExecutor(len(shoppers)) as threads:
        running = [threads.submit(shopper.shop, ended) for shopper in shoppers]
        try:
            time.sleep(0.5)
            disturb()
            time.sleep(0.5)
        finally:
            ended.set()
        for one in running:
            one.result(60)
    return shoppers


def catch_up(system: System, shoppers: list[Shopper]) -> None:
    """Advance past call timeouts and leases, and run the scheduled jobs."""
    system.sql("update payment_attempts set started_at = started_at - interval '20 s' where state = 'created'")
    for shopper in shoppers:
        for booking in shopper.left:
            shopper.pay(booking)
    system.sql("update outbox set leased_until = null, next_try_at = now() where done_at is null and due_at <= now()")
    system.sql(
        "update payment_attempts set next_poll_at = now() - interval '2 minutes' where state in ('created', 'pending')"
    )
    system.run_job("sweep")
    system.run_job("reconcile")
    at_rest(system)


def unexpected(system: System) -> Counter[str]:
    """Return the number of unexpected errors in each process's log."""
    return Counter({name: log.count("unexpected error") for name, log in system.logs().items()})


def restarted(system: System, pieces: Pieces) -> None:
    before = pieces.pid("postgres")
    pieces.restart("postgres")
    eventually(lambda: any_other(pieces, before))
    eventually(lambda: reachable(system), 30)


def any_other(pieces: Pieces, before: int) -> bool:
    try:
        return pieces.pid("postgres") != before
    except ValueError:  # between the two there is none
        return False


def reachable(system: System) -> bool:
    try:
        return bool(system.sql("select 1"))
    except Exception:  # noqa: BLE001 - however it refuses
        return False


def cut_again_and_again(system: System) -> None:
    with closing(plain_connection(system.env["DATABASE_URL"])) as connection:
        for _ in range(30):
            connection.run(f"select pg_terminate_backend(pid) from pg_stat_activity where {OTHERS}")
            time.sleep(0.04)


@pytest.mark.parametrize("how", ["restarted", "cut"])
def test_disturbed_in_mid_traffic_the_database_is_a_503_and_then_everything_is_there_once(
    system: System, pieces: Pieces, members: list[Member], how: str
):
    """Fails when a lost connection is an error like any other (`ConnectionLost` not in `errors.refusal`: 500), and when
    a pool gives out connections that stay dead."""
    before, errors = pieces.functions(), unexpected(system)
    disturb = partial(restarted, system, pieces) if how == "restarted" else partial(cut_again_and_again, system)

    shoppers = traffic(system, members, disturb)

    answers = [answer for shopper in shoppers for answer in shopper.answers]
    for answer in answers:
        if answer.status_code == 503:
            assert_try_later(answer)
    assert {answer.status_code for answer in answers} <= {200, 201, 409, 503}
    assert [answer for answer in answers if answer.status_code == 503]
    assert pieces.functions() == before
    assert unexpected(system) == errors
    catch_up(system, shoppers)
    for shopper in shoppers:
        listed = shopper.member.get("/customer/bookings?limit=100").json()["items"]
        assert {booking["id"] for booking in shopper.booked} <= {booking["id"] for booking in listed}
        taken = Counter((booking["booking_date"], booking["time_slot"]) for booking in listed)
        assert set(taken.values()) == {1}
        for booking in shopper.booked:
            assert_settled_once(system, shopper.member, booking)
            # A mail sent just before its connection was cut is not marked as sent, and goes out again with the same Message-ID.
            assert "Confirmed" in " ".join(mails(system, booking, shopper.member.client.email))


def test_while_the_database_is_down_requests_get_503(system: System, pieces: Pieces, members: list[Member]):
    """Fails when what the driver raises without a server is not taken for one (`_is_network`)."""
    member, before = members[0], pieces.functions()
    booking = member.client.book(address_id=member.address_id)
    guest = system.sign_in()
    with pieces.stopped("postgres"):
        for answer in (
            member.get("/customer/profile"),
            member.get("/customer/bookings"),
            member.post("/customer/bookings", member.client.booking_body(address_id=member.address_id)),
            member.post("/payments/initiate", {"booking_id": booking["id"]}),
            member.get("/payments/status/SZ_UNKNOWN"),
            send(system, report(merchantTransactionId="SZ_UNKNOWN")),
            guest.post("/auth/refresh", {"refresh_token": guest.tokens["refresh_token"]}),
            guest.post("/auth/logout", {}),
        ):
            assert_try_later(answer)
        for name in before:
            assert system.call(name, "GET", "/health").status_code == 200
    eventually(lambda: reachable(system), 30)
    assert guest.post("/auth/refresh", {"refresh_token": guest.tokens["refresh_token"]}).status_code == 200
    assert member.post("/payments/initiate", {"booking_id": booking["id"]}).status_code == 200
    assert send(system, report(merchantTransactionId="SZ_UNKNOWN")).status_code == 200
    assert pieces.functions() == before


def test_a_connection_cut_in_mid_transaction_leaves_nothing_and_the_same_request_again_books(
    system: System, members: list[Member]
):
    """The chef is held, so that the booking's last statement waits; cut there, it must not be tried alone.

    Fails when a lost connection is made anew in mid-transaction (`first` in `Connection._converse`): the statement runs
    again without what came before it, and is cut again instead of being refused.
    """
    member, chef = members[1], str(demo_id("asha@sizzle.example"))
    body = member.client.booking_body(address_id=member.address_id, chef_id=chef)
    book = partial(member.post, "/customer/bookings", body, Idempotency_Key="cut")
    stuck = f"select pid from pg_stat_activity where wait_event_type = 'Lock' and {OTHERS}"
    with ThreadPoolExecutor(1) as thread, closing(plain_connection(system.env["DATABASE_URL"])) as holder:
        holder.run("begin")
        holder.run("select 1 from users where id = :id for update", id=chef)
        answer = thread.submit(book)
        [[pid]] = eventually(lambda: system.sql(stuck))
        system.sql("select pg_terminate_backend(:pid)", pid=pid)
        assert_try_later(answer.result(10))
        assert system.sql(stuck) == []
        holder.run("commit")
    booked = "select count(*) from bookings b join users u on u.id = b.customer_id where u.email = :email"
    before = system.sql(booked, email=member.client.email)[0][0]
    first, second = book(), book()
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert system.sql(booked, email=member.client.email) == [[before + 1]]
