"""Bookings, cash, refunds and reconciliation over an admin's HTTP API."""

import pytest

from tests.system import eventually

UNKNOWN_ID = "5f2c1f6e-6a0c-4d1e-9a51-7f0c7b1d2e30"


@pytest.fixture(scope="module")
def admin(system):
    return system.demo("admin")


@pytest.fixture(scope="module")
def guest(system):
    return system.sign_in()


def audited(system, subject):
    rows = system.sql(
        "select action, address, request_id from audit_log where subject_id = :id order by at", id=subject
    )
    assert all(address and request_id for _, address, request_id in rows)
    return [action for action, _, _ in rows]


def test_a_booking_paid_in_cash_is_confirmed_given_back_in_part_and_closed_by_a_receipt(system, admin, guest):
    booking = guest.book()
    path = f"/admin/bookings/{booking['id']}"
    agreed = admin.put(path, {"cash": {"agreed": True}})
    assert (agreed.status_code, agreed.json()["pay_by"], agreed.json()["cash_agreed"]) == (200, None, True)
    short = admin.put(path, {"cash": {"amount": booking["total"] - 0.01, "held_by": "provider"}})
    assert (short.status_code, short.json()["errors"][0]["field"]) == (422, "cash.amount")
    assert f"{booking['total']:.2f}" in short.json()["detail"]
    paid = admin.put(path, {"cash": {"amount": booking["total"], "held_by": "provider"}})
    assert (paid.status_code, paid.json()["status"], paid.json()["payment_status"]) == (200, "confirmed", "success")
    assert [payment["held_by"] for payment in paid.json()["payments"]] == ["provider"]
    again = admin.put(path, {"cash": {"agreed": False}})
    assert (again.status_code, again.json()["code"]) == (409, "not_payable")

    body = {"amount": 50.25, "reason": "One dish less"}
    first, second = (admin.post(f"{path}/refunds", body, Idempotency_Key="one-dish-less") for _ in range(2))
    assert (first.status_code, first.json()["state"], first.json()["borne_by"]) == (201, "needs_person", "platform")
    assert second.json() == first.json()
    for spelling in (f"{path}/refunds/", f"/admin/bookings/{booking['id'].upper()}/refunds"):
        same = admin.post(spelling, body, Idempotency_Key="one-dish-less")
        assert (same.status_code, same.json()) == (201, first.json()), spelling
    assert admin.post(f"{path}/refunds", body | {"amount": 5}, Idempotency_Key="one-dish-less").status_code == 422
    all_of_it = admin.post(f"{path}/refunds", body | {"amount": booking["total"] - 50.25})
    assert (all_of_it.status_code, all_of_it.json()["code"]) == (409, "cancel_instead")

    [waiting] = admin.get(f"/admin/exceptions?booking_id={booking['id']}").json()["items"]
    assert (waiting["kind"], waiting["subject_id"]) == ("cash_refund", first.json()["id"])
    note = {"closing_note": "Handed back at the door"}
    unproven = admin.put(f"/admin/exceptions/{waiting['id']}", note)
    assert (unproven.status_code, unproven.json()["errors"][0]["field"]) == (422, "reference")
    closed = admin.put(f"/admin/exceptions/{waiting['id']}", note | {"reference": "RECEIPT-17"})
    assert (closed.status_code, closed.json()["closing_note"]) == (200, "Handed back at the door")
    twice = admin.put(f"/admin/exceptions/{waiting['id']}", note)
    assert (twice.status_code, twice.json()["code"]) == (409, "already_closed")

    detail = admin.get(path).json()
    assert [(refund["state"], refund["bank_reference"]) for refund in detail["refunds"]] == [("done", "RECEIPT-17")]
    assert detail["payment_status"] == guest.booking(booking["id"])["payment_status"] == "partially_refunded"
    assert round(sum(line["amount"] for line in detail["ledger"]), 2) == 0
    assert [event["kind"] for event in detail["events"]] == [
        *("booked", "cash_agreed", "cash_recorded", "confirmed"),
        *("refund_decided", "refund_done", "exception_closed"),
    ]
    assert audited(system, booking["id"]) == ["booking.cash_agreed", "booking.cash_recorded", "booking.refunded"]
    assert audited(system, waiting["id"]) == ["exception.closed"]


def test_a_refund_goes_through_the_gateway_and_is_mailed(system, admin, guest):
    booking = guest.book()
    txn = guest.pay(booking["id"])
    eventually(lambda: guest.booking(booking["id"])["status"] == "confirmed")
    answer = admin.post(f"/admin/bookings/{booking['id']}/refunds", {"amount": 100, "reason": "Late"})
    assert answer.status_code == 201, answer.text
    eventually(lambda: guest.booking(booking["id"])["payment_status"] == "partially_refunded")
    subjects = eventually(
        lambda: [
            mail["subject"] for mail in system.mails(guest.email) if mail["subject"].startswith("Refunded: ₹100.00")
        ]
    )
    assert len(subjects) == 1
    [found] = admin.get(f"/admin/payments?merchant_txn_id={txn}").json()["items"]
    assert (found["booking_ref"], found["gateway"], found["state"]) == (booking["ref"], "phonepe_v2", "succeeded")
    refused = admin.post(f"/admin/bookings/{booking['id']}/refunds", {"amount": booking["total"], "reason": "All"})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_refundable")
    assert refused.json()["left"] == pytest.approx(booking["total"] - 100)


def test_bookings_are_listed_by_what_is_looked_for(admin, guest):
    booking = guest.book()
    [found] = admin.get(f"/admin/bookings?q={booking['ref'].lower()}&status=pending&line=home_chef").json()["items"]
    assert (found["id"], found["total"], found["provider_name"]) == (
        booking["id"],
        booking["total"],
        booking["chef_name"],
    )
    assert found["starts_at"] == booking["starts_at"]
    page = admin.get("/admin/bookings?limit=1").json()
    assert admin.get(f"/admin/bookings?limit=1&cursor={page['next_cursor']}").json()["items"] != page["items"]
    assert admin.get("/admin/bookings?date_from=2999-12-31").json() == {"items": [], "next_cursor": None}
    assert admin.get("/admin/bookings?date_from=3000-01-01").json()["errors"][0]["field"] == "query.date_from"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"chef_id": None, "cash": {"agreed": True}},
        {"status": "cancelled"},
        {"reason": "plans"},
        {"status": None, "reason": "plans"},
        {"cash": None},
        {"cash": {}},
        {"cash": {"agreed": True, "amount": 5, "held_by": "provider"}},
        {"cash": {"amount": 5}},
        {"cash": {"amount": 5, "held_by": "customer"}},
    ],
)
def test_a_change_is_exactly_one(admin, body):
    answer = admin.put(f"/admin/bookings/{UNKNOWN_ID}", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


@pytest.mark.parametrize(
    ("cash", "field"),
    [({"amount": "5", "held_by": "provider"}, "cash.amount"), ({"agreed": "yes"}, "cash.agreed"), (None, "cash")],
)
def test_a_refused_part_of_cash_is_named_as_it_was_sent(admin, cash, field):
    answer = admin.put(f"/admin/bookings/{UNKNOWN_ID}", {"cash": cash})
    assert [each["field"] for each in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("field", ["chef_id", "provider_id"])
def test_an_unknown_provider_is_reported_under_the_bodys_field(admin, field):
    [booking] = admin.get("/admin/bookings?status=pending&limit=1").json()["items"]
    answer = admin.put(f"/admin/bookings/{booking['id']}", {field: UNKNOWN_ID})
    assert [answer.status_code, *(each["field"] for each in answer.json()["errors"])] == [422, field]


def test_what_is_not_there_is_not_found_and_nothing_is_written_of_it(system, admin):
    before = system.sql("select count(*) from audit_log")
    answers = [
        admin.get(f"/admin/bookings/{UNKNOWN_ID}"),
        admin.put(f"/admin/bookings/{UNKNOWN_ID}", {"cash": {"agreed": True}}),
        admin.post(f"/admin/bookings/{UNKNOWN_ID}/refunds", {"amount": 1, "reason": "none"}),
        admin.put(f"/admin/exceptions/{UNKNOWN_ID}", {"closing_note": "none"}),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        *[(404, "booking_not_found")] * 3,
        (404, "exception_not_found"),
    ]
    assert system.sql("select count(*) from audit_log") == before


@pytest.mark.parametrize("path", ["bookings", f"bookings/{UNKNOWN_ID}", "payments", "exceptions", "reconciliations"])
def test_it_is_for_admins(system, guest, path):
    assert guest.get(f"/admin/{path}").status_code == 403
    assert system.http.get(f"{system.api}/admin/{path}", timeout=10).status_code == 401


def test_reconciliation_rounds_with_requests_are_listed(system, admin, guest):
    booking = guest.book()
    guest.post("/payments/initiate", {"booking_id": booking["id"]})
    system.sql(
        "update payment_attempts set next_poll_at = now() - interval '2 minutes' where booking_id = :id",
        id=booking["id"],
    )
    system.run_job("reconcile")
    [latest, *_] = admin.get("/admin/reconciliations?limit=1").json()["items"]
    assert latest["asked"] >= 1


def test_the_report_of_the_days_before_runs_as_a_job_and_its_days_are_listed(system, admin):
    assert system.run_job("report")["failed"] == 0
    [yesterday, *_] = admin.get("/admin/reconciliations/days").json()["items"]
    assert yesterday["complete"]
    assert admin.get(f"/admin/reconciliations/rows?day={yesterday['day']}").json()["items"] == []
