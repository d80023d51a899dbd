"""An unpaid slot becomes available again, and a late payment is refunded."""

from typing import Any

from tests.e2e.test_journey import balances, mail_to, subjects
from tests.system import Client, System, eventually


def expired(system: System, guest: Client) -> tuple[dict[str, Any], str]:
    """Book, open the pay page, and let the payment deadline pass."""
    booking = guest.book()
    page = guest.post("/payments/initiate", {"booking_id": booking["id"]}).json()
    system.sql("update bookings set pay_by = now() where id = :id", id=booking["id"])
    system.run_job("expire")
    return booking, page["merchant_txn_id"]


def settle(system: System, txn: str, outcome: str) -> None:
    url = f"{system.url}/_local/payments/{txn}/settle"
    system.http.post(url, json={"outcome": outcome}, timeout=10).raise_for_status()


def test_an_unpaid_booking_expires_is_mailed_and_frees_its_slot(system: System):
    guest, other = system.sign_in(), system.sign_in()
    booking, _ = expired(system, guest)
    shown = guest.booking(booking["id"])
    states = (shown["status"], shown["payment_status"], shown["cancellation_reason"], shown["acceptance"])
    assert states == ("cancelled", "failed", "unpaid", "unassigned")
    mail_to(system, guest.email, "was not paid in time", booking["ref"])
    same = {name: booking[name] for name in ("booking_date", "time_slot")}
    assert other.book(chef_id=booking["chef_id"], **same)["chef_id"] == booking["chef_id"]
    answer = guest.post("/payments/initiate", {"booking_id": booking["id"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_payable")


def test_a_booking_is_not_cancelled_before_its_time(system: System):
    guest = system.sign_in()
    booking = guest.book()
    system.sql("update bookings set pay_by = now() + interval '1 minute' where id = :id", id=booking["id"])
    system.run_job("expire")
    assert guest.booking(booking["id"])["status"] == "pending"


def test_a_success_that_comes_too_late_is_refunded_to_the_end_and_takes_no_slot(system: System):
    guest, other = system.sign_in(), system.sign_in()
    booking, txn = expired(system, guest)
    same = {name: booking[name] for name in ("booking_date", "time_slot")}
    other.book(chef_id=booking["chef_id"], **same)
    settle(system, txn, "pay")
    assert eventually(lambda: guest.booking(booking["id"])["refunds"])
    assert guest.booking(booking["id"])["status"] == "cancelled"
    mail_to(system, guest.email, "Your payment goes back", booking["ref"])
    assert eventually(lambda: guest.booking(booking["id"])["payment_status"] == "refunded")
    shown = guest.booking(booking["id"])
    [refund] = shown["refunds"]
    assert (refund["amount"], refund["state"], shown["status"]) == (879.8, "done", "cancelled")
    assert refund["done_at"] is not None
    assert "₹879.80" in mail_to(system, guest.email, "Refunded", booking["ref"])["text"]
    assert guest.get(f"/payments/status/{txn}").json()["payment_status"] == "refunded"
    assert balances(system, booking["id"]) == {}
    assert not [subject for subject in subjects(system, guest.email) if "Confirmed" in subject]


def test_until_it_is_done_a_refund_is_never_shown_as_refunded(system: System):
    guest = system.sign_in()
    booking, txn = expired(system, guest)
    url = f"{system.url}/_local/payments/{txn}/faults"
    system.http.post(url, json={"fault": "refund.stays_pending"}, timeout=10).raise_for_status()
    settle(system, txn, "pay")
    assert eventually(lambda: [each["state"] for each in guest.booking(booking["id"])["refunds"]] == ["pending"])
    shown = guest.booking(booking["id"])
    assert shown["payment_status"] == "success"
    assert shown["refunds"][0]["done_at"] is None
    [[refund]] = system.sql("select merchant_refund_id from refunds where booking_id = :id", id=booking["id"])
    settle(system, refund, "pay")
    assert eventually(lambda: guest.booking(booking["id"])["payment_status"] == "refunded")


def test_a_refund_whose_callback_is_lost_is_found_by_the_reconciliation(system: System):
    guest = system.sign_in()
    booking, txn = expired(system, guest)
    for fault in ({"fault": "refund.stays_pending"}, {"fault": "callback.lost", "times": 9}):
        system.http.post(f"{system.url}/_local/payments/{txn}/faults", json=fault, timeout=10).raise_for_status()
    settle(system, txn, "pay")
    assert guest.get(f"/payments/status/{txn}").json()["status"] == "success"
    assert eventually(lambda: [each["state"] for each in guest.booking(booking["id"])["refunds"]] == ["pending"])
    [[refund]] = system.sql("select merchant_refund_id from refunds where booking_id = :id", id=booking["id"])
    lost = f"{system.url}/_local/payments/{refund}/faults"
    system.http.post(lost, json={"fault": "callback.lost", "times": 9}, timeout=10).raise_for_status()
    settle(system, refund, "pay")
    system.sql(
        "update refunds set next_poll_at = now() - interval '2 minutes' where booking_id = :id", id=booking["id"]
    )
    system.run_job("reconcile")
    assert eventually(lambda: guest.booking(booking["id"])["payment_status"] == "refunded")
    mail_to(system, guest.email, "Refunded", booking["ref"])
    assert balances(system, booking["id"]) == {}


def test_a_refund_that_fails_asks_for_a_person_and_stays_owed(system: System):
    guest = system.sign_in()
    booking, txn = expired(system, guest)
    url = f"{system.url}/_local/payments/{txn}/faults"
    system.http.post(url, json={"fault": "refund.excess"}, timeout=10).raise_for_status()
    settle(system, txn, "pay")
    states = lambda: [each["state"] for each in guest.booking(booking["id"])["refunds"]]  # noqa: E731
    assert eventually(lambda: states() == ["needs_person"])
    assert guest.booking(booking["id"])["payment_status"] == "success"
    open_exceptions = "select kind from exceptions where booking_id = :id and closed_at is null"
    assert system.sql(open_exceptions, id=booking["id"]) == [["refund_failed"]]
    assert not [subject for subject in subjects(system, guest.email) if "Refunded" in subject]
