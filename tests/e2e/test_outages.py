"""During an outage requests succeed, and outbox messages are processed afterwards."""

from collections.abc import Iterator

import pytest

from tests.e2e.test_journey import mail_to, paid_without_callback
from tests.system import System, eventually


@pytest.fixture
def queue_down(system: System) -> Iterator[None]:
    def set_faults(**faults: object) -> None:
        system.http.post(f"{system.url}/_local/tasks/faults", json=faults, timeout=10).raise_for_status()

    set_faults(down=True)
    yield
    set_faults()


def up_again(system: System) -> None:
    """Restart the queue and run the sweep, which sends the waiting messages."""
    system.http.post(f"{system.url}/_local/tasks/faults", json={}, timeout=10).raise_for_status()
    system.sql(
        "update outbox set next_try_at = now() where done_at is null and due_at <= now() and kind not like 'nobody%'"
    )
    assert system.run_job("sweep")["sent"] > 0


@pytest.mark.usefixtures("queue_down")
def test_with_the_queue_down_a_payment_is_confirmed_and_the_mails_come_later(system: System):
    guest = system.sign_in()
    booking = guest.book()
    txn = guest.pay(booking["id"])
    assert guest.get(f"/payments/status/{txn}").json()["status"] == "success"
    assert guest.booking(booking["id"])["status"] == "confirmed"
    assert len(system.mails(guest.email)) == 1  # the sign-in code, which is mailed without the queue
    up_again(system)
    mail_to(system, guest.email, "Confirmed", booking["ref"])
    mail_to(system, "asha@sizzle.example", "please answer", booking["ref"])


@pytest.mark.usefixtures("queue_down")
def test_with_the_queue_down_a_callback_is_kept_and_looked_into_later(system: System):
    guest = system.sign_in()
    booking = guest.book()
    guest.pay(booking["id"])
    kept = "select count(*) from inbox where processed_at is null"
    assert eventually(lambda: system.sql(kept)[0][0] > 0)
    assert guest.booking(booking["id"])["status"] == "pending"
    up_again(system)
    assert eventually(lambda: guest.booking(booking["id"])["status"] == "confirmed")
    mail_to(system, guest.email, "Confirmed", booking["ref"])


def test_a_task_that_comes_twice_or_out_of_order_does_nothing_twice(system: System):
    faults = {"duplicate": 10, "reorder": True}
    system.http.post(f"{system.url}/_local/tasks/faults", json=faults, timeout=10).raise_for_status()
    try:
        guest = system.sign_in()
        booking = guest.book()
        guest.pay(booking["id"])
        mail_to(system, guest.email, "Confirmed", booking["ref"])
        mail_to(system, "asha@sizzle.example", "please answer", booking["ref"])
    finally:
        system.http.post(f"{system.url}/_local/tasks/faults", json={}, timeout=10).raise_for_status()
    confirmed = [mail for mail in system.mails(guest.email) if "Confirmed" in mail["subject"]]
    assert len(confirmed) == 1


def mail_tasks(system: System, *states: str) -> set[str]:
    """Return the names of mail tasks in one of these states."""
    listed = system.http.get(f"{system.url}/_local/tasks", timeout=10).json()["tasks"]
    return {task["name"] for task in listed if task["queue"] == "mails" and task["state"] in states}


@pytest.mark.parametrize(
    ("fault", "state"), [({"drop": 1000}, "dropped"), ({"delay_seconds": 3}, "scheduled")], ids=["lost", "late"]
)
def test_a_task_that_is_lost_or_late_is_brought_by_the_sweep_and_done_once(
    system: System, fault: dict[str, int], state: str
):
    """Fails when an outbox message counts as done once enqueued, and when the late task repeats finished work."""
    before = mail_tasks(system, "dropped", "scheduled")
    system.http.post(f"{system.url}/_local/tasks/faults", json=fault, timeout=10).raise_for_status()
    try:
        guest = system.sign_in()
        booking = guest.book()
        txn = guest.pay(booking["id"])
        assert guest.get(f"/payments/status/{txn}").json()["status"] == "success"
        held = mail_tasks(system, state) - before
        assert held
    finally:
        up_again(system)
    mail_to(system, guest.email, "Confirmed", booking["ref"])
    mail_to(system, "asha@sizzle.example", "please answer", booking["ref"])
    eventually(lambda: not held & mail_tasks(system, "scheduled", "running"))
    confirmed = [mail for mail in system.mails(guest.email) if "Confirmed" in mail["subject"]]
    assert len(confirmed) == 1


def test_with_the_gateway_silent_a_payment_stays_pending_and_is_found_later(system: System):
    guest = system.sign_in()
    booking = guest.book()
    page = guest.post("/payments/initiate", {"booking_id": booking["id"]}).json()
    txn = page["merchant_txn_id"]
    for fault in ("callback.lost", "status.http_500"):
        url = f"{system.url}/_local/payments/{txn}/faults"
        system.http.post(url, json={"fault": fault}, timeout=10).raise_for_status()
    system.http.post(page["payment_url"], data={"outcome": "pay"}, allow_redirects=False, timeout=10)
    assert guest.get(f"/payments/status/{txn}").json()["status"] == "pending"
    system.sql(
        "update payment_attempts set asked_at = now() - interval '4 seconds' where merchant_txn_id = :txn", txn=txn
    )
    assert guest.get(f"/payments/status/{txn}").json()["status"] == "success"


def test_a_payment_without_callback_is_found_by_its_poll_task(system: System):
    guest = system.sign_in()
    booking, txn = paid_without_callback(system, guest)
    system.sql("update payment_attempts set next_poll_at = now() where merchant_txn_id = :txn", txn=txn)
    find = (
        "select o.id from outbox o join payment_attempts a on a.id = cast(o.payload->>'attempt_id' as uuid)"
        " where o.kind = 'payments.poll' and a.merchant_txn_id = :txn"
    )
    [[message]] = system.sql(find, txn=txn)
    identity = system.identity(system.env["TASKS_URL"], system.env["TASKS_INVOKER"])
    for _ in range(2):
        assert system.call("tasks", "POST", f"/outbox/{message}", headers=identity).status_code == 200
    assert guest.booking(booking["id"])["status"] == "confirmed"
    [[polls]] = system.sql("select polls from payment_attempts where merchant_txn_id = :txn", txn=txn)
    assert polls == 1
