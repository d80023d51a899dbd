"""The journey of a booking through the whole system: from the first mail to the last posting."""

import re

import pytest

from tests.system import Client, System, day, eventually

CODE = re.compile(r"\b\d{6}\b")


def subjects(system: System, email: str) -> list[str]:
    return [mail["subject"] for mail in system.mails(email)]


def mail_to(system: System, email: str, words: str, about: str) -> dict[str, str]:
    """Wait for the mail about a booking and return it; fail if there are two."""

    def found() -> list[dict[str, str]]:
        return [mail for mail in system.mails(email) if words in mail["subject"] and about in mail["subject"]]

    [mail] = eventually(found)
    return mail


def balances(system: System, booking_id: str) -> dict[str, int]:
    rows = system.sql(
        "select e.account, sum(e.amount)::bigint from ledger_postings e"
        " join ledger_transactions t on t.id = e.transaction_id where t.booking_id = :id group by 1 having sum(e.amount) <> 0",
        id=booking_id,
    )
    return dict(rows)


def step(chef: Client, booking_id: str, status: str) -> dict[str, object]:
    answer = chef.put(f"/chef/bookings/{booking_id}/status", {"status": status})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_from_the_first_mail_to_the_last_posting(system: System):
    # 1. Sign in by mail, refresh, sign out, sign in again.
    guest = system.sign_in()
    assert guest.tokens["is_new_user"] is True
    renewed = system.http.post(
        f"{system.api}/auth/refresh", json={"refresh_token": guest.tokens["refresh_token"]}, timeout=10
    ).json()
    guest.tokens |= renewed
    assert guest.get("/customer/profile").status_code == 200

    # 2. Profile, address, serviceability, quote, booking.
    guest.put("/customer/profile", {"name": "Meera Shah", "phone": "+919876543210"})
    where = guest.address()
    place = {"city": "Mumbai", "latitude": 19.0596, "longitude": 72.8295}
    assert guest.post("/customer/check-serviceability", place).json()["serviceable"] is True
    dinner = {"address_id": where, "booking_date": day(40), "time_slot": "19:00", "duration_hours": 3, "guest_count": 8}
    quote = guest.post("/customer/quotes", dinner).json()
    booking = guest.post("/customer/bookings", {"quote_id": quote["id"]}).json()
    assert (booking["total"], booking["status"]) == (2361.56, "pending")

    # 3. Pay on the page; only the signed callback settles it.
    txn = guest.pay(booking["id"])
    assert eventually(lambda: guest.booking(booking["id"])["status"] == "confirmed")
    status = guest.get(f"/payments/status/{txn}").json()
    assert (status["status"], status["payment_status"], status["amount"]) == ("success", "success", 2361.56)
    mail = mail_to(system, guest.email, "Confirmed", booking["ref"])
    assert "₹2,361.56" in mail["text"]
    assert "₹2,142.00" in mail_to(system, "asha@sizzle.example", "please answer", booking["ref"])["text"]
    assert balances(system, booking["id"]) == {"gateway_clearing": 236156, "customer_advance": -236156}

    # 4. The chef accepts, starts, completes; each side has what is theirs, and the books balance.
    chef = system.demo("asha")
    assert step(chef, booking["id"], "confirmed")["acceptance"] == "accepted"
    mail_to(system, guest.email, "Asha Nair comes", booking["ref"])
    step(chef, booking["id"], "in_progress")
    step(chef, booking["id"], "completed")
    mail_to(system, guest.email, "Thank you", booking["ref"])
    assert guest.booking(booking["id"])["status"] == "completed"
    earned = balances(system, booking["id"])
    assert earned.pop("gateway_clearing") == 236156
    assert sum(earned.values()) == -236156
    assert {name.partition(":")[0]: amount for name, amount in earned.items()} == {
        "provider_payable": -214200,
        "platform_revenue": -10710,
        "gst_payable": -11246,
    }

    # 5. Sign out: the tokens are invalid at once.
    assert guest.post("/auth/logout", {}).status_code == 204
    assert guest.get("/customer/profile").status_code == 401


def test_a_declined_payment_is_mailed_and_the_next_one_confirms(system: System):
    guest = system.sign_in()
    booking = guest.book()
    declined = guest.pay(booking["id"], "decline")
    assert eventually(lambda: guest.booking(booking["id"])["payment_status"] == "failed")
    assert guest.get(f"/payments/status/{declined}").json()["status"] == "failed"
    assert guest.booking(booking["id"])["status"] == "pending"
    guest.pay(booking["id"])
    assert eventually(lambda: guest.booking(booking["id"])["status"] == "confirmed")
    mail_to(system, guest.email, "Confirmed", booking["ref"])


def test_the_way_back_from_the_page_leads_to_the_return_address(system: System):
    guest = system.sign_in()
    booking = guest.book()
    page = guest.post("/payments/initiate", {"booking_id": booking["id"]}).json()
    back = system.http.post(page["payment_url"], data={"outcome": "pay"}, allow_redirects=False, timeout=10)
    assert back.status_code == 303
    landed = system.http.get(back.headers["Location"], timeout=10)
    assert landed.status_code == 200
    assert booking["ref"] in landed.text


def lose_callbacks(system: System, txn: str) -> None:
    url = f"{system.url}/_local/payments/{txn}/faults"
    system.http.post(url, json={"fault": "callback.lost", "times": 5}, timeout=10).raise_for_status()


def paid_without_callback(system: System, guest: Client) -> tuple[dict[str, object], str]:
    """Pay a booking at the gateway with its callback lost; return the booking and the transaction id."""
    booking = guest.book()
    page = guest.post("/payments/initiate", {"booking_id": booking["id"]}).json()
    lose_callbacks(system, page["merchant_txn_id"])
    system.http.post(page["payment_url"], data={"outcome": "pay"}, allow_redirects=False, timeout=10)
    return booking, page["merchant_txn_id"]


def test_when_the_callback_is_lost_asking_how_it_went_ends_the_same(system: System):
    guest = system.sign_in()
    booking, txn = paid_without_callback(system, guest)
    assert guest.booking(booking["id"])["status"] == "pending"
    assert guest.get(f"/payments/status/{txn}").json()["status"] == "success"
    assert guest.booking(booking["id"])["status"] == "confirmed"
    mail_to(system, guest.email, "Confirmed", booking["ref"])


def test_when_the_callback_is_lost_the_reconciliation_ends_the_same(system: System):
    guest = system.sign_in()
    booking, txn = paid_without_callback(system, guest)
    system.sql(
        "update payment_attempts set next_poll_at = now() - interval '2 minutes' where merchant_txn_id = :txn", txn=txn
    )
    system.run_job("reconcile")
    assert eventually(lambda: guest.booking(booking["id"])["status"] == "confirmed")
    mail_to(system, guest.email, "Confirmed", booking["ref"])
    assert balances(system, booking["id"]) == {"gateway_clearing": 87980, "customer_advance": -87980}


@pytest.mark.parametrize("fault", ["callback.repeated", "callback.claims_success", "callback.other_amount"])
def test_a_callback_that_repeats_or_lies_ends_the_same(system: System, fault: str):
    guest = system.sign_in()
    booking = guest.book()
    page = guest.post("/payments/initiate", {"booking_id": booking["id"]}).json()
    url = f"{system.url}/_local/payments/{page['merchant_txn_id']}/faults"
    system.http.post(url, json={"fault": fault}, timeout=10).raise_for_status()
    system.http.post(page["payment_url"], data={"outcome": "pay"}, allow_redirects=False, timeout=10)
    assert eventually(lambda: guest.booking(booking["id"])["status"] == "confirmed")
    mail_to(system, guest.email, "Confirmed", booking["ref"])
    assert balances(system, booking["id"]) == {"gateway_clearing": 87980, "customer_advance": -87980}
