"""A dependency is stopped (refuses) or frozen (hangs): dependent requests get 503, the rest works, nothing is lost.

On a system of its own, in the environment `staging`: in development the console would accept mails when no server does.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import pytest
import requests

from tests.e2e.pieces import Pieces
from tests.e2e.test_journey import mail_to
from tests.http.test_callback import kept, report, send
from tests.races.signals import at_rest, mails
from tests.system import Client, System, eventually, new_client_header, start_system

Answer = TypeVar("Answer")
QUICK = 2.0  # seconds; half a second is given to the queue, the rest to a slow machine


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with start_system(tmp_path_factory.mktemp("down"), ENVIRONMENT="staging") as running:
        yield running


@pytest.fixture(scope="module")
def pieces(system: System) -> Pieces:
    return Pieces(system)


@pytest.fixture
def guest(system: System) -> Client:
    return system.sign_in()


def down(pieces: Pieces, name: str, how: str) -> AbstractContextManager[None]:
    return pieces.stopped(name) if how == "stopped" else pieces.frozen(name)


def quickly(act: Callable[[], Answer]) -> Answer:
    began = time.monotonic()
    answer = act()
    assert time.monotonic() - began < QUICK
    return answer


def auth(system: System, path: str, **body: str) -> requests.Response:
    return system.call("auth", "POST", f"/api/v1/auth/{path}", json=body, headers=new_client_header())


def assert_try_later(answer: requests.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == 503
    assert int(answer.headers["Retry-After"]) > 0


def notifications(system: System, booking: dict[str, Any], guest: Client) -> list[str]:
    """Return the mails sent to the customer about a booking, without the request to pay, which a payment makes obsolete."""
    subjects = mails(system, booking, guest.email)
    later = [subject for subject in subjects if "Booked" not in subject]
    assert len(subjects) - len(later) <= 1
    return later


def assert_confirmed_and_notified_once(system: System, guest: Client, booking: dict[str, Any]) -> None:
    mail_to(system, guest.email, "Confirmed", booking["ref"])
    mail_to(system, "asha@sizzle.example", "please answer", booking["ref"])
    at_rest(system)
    assert guest.booking(booking["id"])["status"] == "confirmed"
    assert len(notifications(system, booking, guest)) == len(mails(system, booking, "asha@sizzle.example")) == 1


@pytest.mark.parametrize(("piece", "how"), [("redis", "stopped"), ("upstash", "stopped"), ("upstash", "frozen")])
def test_without_redis_nobody_signs_in_and_everything_else_goes_on(
    system: System, pieces: Pieces, guest: Client, piece: str, how: str
):
    """Fails when a store that gives no answer is taken for one without limits (`StoreUnavailable` passed over)."""
    email = f"{new_client_header()['X-Forwarded-For']}@test.example"
    with down(pieces, piece, how):
        assert_try_later(auth(system, "send-otp", email=email))
        assert_try_later(auth(system, "verify-otp", email=email, otp="123456"))
        refreshed = auth(system, "refresh", refresh_token=guest.tokens["refresh_token"])
        assert refreshed.status_code == 200
        guest.tokens = refreshed.json()
        booking = guest.book()
        txn = guest.pay(booking["id"])
        assert guest.get(f"/payments/status/{txn}").json()["status"] == "success"
        assert_confirmed_and_notified_once(system, guest, booking)
    assert eventually(lambda: auth(system, "send-otp", email=email).status_code == 200)
    assert len(system.mails(email)) == 1
    assert system.sign_in().get("/customer/profile").status_code == 200


@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_without_the_queue_requests_are_quick_and_the_sweep_delivers_later(
    system: System, pieces: Pieces, guest: Client, how: str
):
    """Fails when a queue that does not answer fails the request (`QueueUnavailable` not caught in `outbox.send`), and,
    frozen, when the try after the commit has no budget."""
    with down(pieces, "cloud_tasks", how):
        booking = quickly(guest.book)
        page = quickly(lambda: guest.post("/payments/initiate", {"booking_id": booking["id"]})).json()
        pressed = system.http.post(page["payment_url"], data={"outcome": "pay"}, allow_redirects=False, timeout=10)
        assert pressed.status_code == 303
        hint = report(merchantTransactionId=page["merchant_txn_id"])
        assert quickly(lambda: send(system, hint)).status_code == 200
        assert guest.booking(booking["id"])["status"] == "pending"
        status = quickly(lambda: guest.get(f"/payments/status/{page['merchant_txn_id']}")).json()
        assert (status["status"], status["payment_status"]) == ("success", "success")
        assert kept(system, hint) == [[None, False]]
        assert mails(system, booking, guest.email) == []
    assert sweep(system) > 0
    assert_confirmed_and_notified_once(system, guest, booking)
    assert kept(system, hint) == [["succeeded", True]]


def sweep(system: System) -> int:
    """Make unfinished messages a minute old and run the sweep; return how many it sent again."""
    system.sql("update outbox set next_try_at = now() where done_at is null and due_at <= now()")
    return int(system.run_job("sweep")["sent"])


@contextmanager
def mute(system: System) -> Iterator[None]:
    """Make the mail server accept a mail and never acknowledge it."""
    faults = f"{system.urls['mail']}/_local/mail/faults"
    system.http.post(faults, json={"mode": "hang"}, timeout=10).raise_for_status()
    yield
    system.http.post(faults, json={"mode": "none"}, timeout=10).raise_for_status()


@pytest.mark.parametrize("how", ["stopped", "mute"])
def test_without_a_mail_server_sign_in_fails_and_mails_retry(system: System, pieces: Pieces, guest: Client, how: str):
    """Fails when a mail nobody took is called done: it is never sent."""
    email = f"{new_client_header()['X-Forwarded-For']}@test.example"
    with pieces.stopped("mail") if how == "stopped" else mute(system):
        booking = guest.book()
        txn = guest.pay(booking["id"])
        assert guest.get(f"/payments/status/{txn}").json()["status"] == "success"
        assert_try_later(auth(system, "send-otp", email=email))
        failed = (
            "select count(*) from outbox o join notifications n on n.id = cast(o.payload->>'notification_id' as uuid)"
            " where last_error = 'MailUndeliverable' and done_at is null and n.kind <> 'booked'"
        )
        assert eventually(lambda: system.sql(failed) == [[2]])
    assert_confirmed_and_notified_once(system, guest, booking)
    assert auth(system, "send-otp", email=email).status_code == 200


@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_without_the_metadata_server_a_cold_function_succeeds_quickly_and_the_sweep_delivers_later(
    system: System, pieces: Pieces, guest: Client, how: str
):
    """Fails when a token that cannot be had fails the request (`IdentityUnavailable` not taken for a silent queue)."""
    for name in ("payments", "callback"):
        pieces.cold(name)  # a token they have would still be good
    booking = guest.book()
    page = eventually(lambda: guest.post("/payments/initiate", {"booking_id": booking["id"]})).json()
    with down(pieces, "metadata", how):
        system.http.post(page["payment_url"], data={"outcome": "pay"}, allow_redirects=False, timeout=10)
        assert quickly(lambda: send(system, report(merchantTransactionId=page["merchant_txn_id"]))).status_code == 200
        status = quickly(lambda: guest.get(f"/payments/status/{page['merchant_txn_id']}")).json()
        assert status["status"] == "success"
        assert notifications(system, booking, guest) == []
    assert sweep(system) > 0
    assert_confirmed_and_notified_once(system, guest, booking)


def test_without_the_gateway_a_payment_waits_and_nothing_is_lost(system: System, pieces: Pieces, guest: Client):
    """Fails when a gateway that is not there is taken for one that says no: the payment would be failed."""
    booking, other = guest.book(), guest.book()
    page = guest.post("/payments/initiate", {"booking_id": booking["id"]}).json()
    with pieces.stopped("phonepe"):
        assert_try_later(guest.post("/payments/initiate", {"booking_id": other["id"]}))
        assert guest.get(f"/payments/status/{page['merchant_txn_id']}").json()["status"] == "pending"
        assert send(system, report(merchantTransactionId=page["merchant_txn_id"])).status_code == 200
        system.sql(
            "update payment_attempts set next_poll_at = now() - interval '2 minutes', asked_at = null where state = 'pending'"
        )
        did = system.run_job("reconcile")
        assert (did["silent"], did["given_up"], did["failed"]) == (did["asked"], 0, 0)
        assert guest.booking(booking["id"])["payment_status"] == "pending"
    system.http.post(page["payment_url"], data={"outcome": "pay"}, allow_redirects=False, timeout=10)
    sweep(system)  # the queue's own retry waits the longer, the longer the gateway was away
    assert_confirmed_and_notified_once(system, guest, booking)
    again = guest.post("/payments/initiate", {"booking_id": other["id"]})
    assert (again.status_code, again.json()["code"]) == (409, "payment_in_progress")  # the first call may be on its way
    system.sql("update payment_attempts set started_at = started_at - interval '20 s' where state = 'created'")
    assert guest.get(f"/payments/status/{guest.pay(other['id'])}").json()["status"] == "success"
