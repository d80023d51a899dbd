"""A customer's HTTP API after booking: reschedule, conditional GET, rating, invoice."""

import re
from base64 import b64encode
from hashlib import sha256

import pytest

from tests.system import eventually


@pytest.fixture(scope="module")
def guest(system):
    return system.sign_in()


@pytest.fixture(scope="module")
def chef(system):
    return system.demo("asha")


@pytest.fixture(scope="module")
def completed(guest, chef):
    """A paid and completed booking."""
    booking = guest.book(chef_id=chef.get("/chef/profile").json()["id"])
    guest.pay(booking["id"])
    eventually(lambda: guest.booking(booking["id"])["status"] == "confirmed")
    for status in ("confirmed", "in_progress", "completed"):
        answer = chef.put(f"/chef/bookings/{booking['id']}/status", {"status": status})
        assert answer.status_code == 200, answer.text
    return guest.booking(booking["id"])


def test_a_visit_moves_for_the_price_that_was_shown_once_for_a_double_tap(system, guest):
    booking, slot = guest.book(), system.slot()
    path = f"/customer/bookings/{booking['id']}/reschedule"
    query = f"booking_date={slot['booking_date']}&time_slot={slot['time_slot']}"
    shown = guest.get(f"{path}?{query}")
    assert (shown.status_code, shown.json()) == (200, {"total": booking["total"], "difference": 0, "refund": 0})

    wrong = guest.post(path, slot | {"expected_total": 1})
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["total"]) == (409, "price_changed", booking["total"])
    body = slot | {"expected_total": booking["total"]}
    first, again = (guest.post(path, body, Idempotency_Key="move") for _ in range(2))
    assert first.status_code == 200, first.text
    assert again.json() == first.json() == guest.booking(booking["id"])
    assert {name: first.json()[name] for name in slot} == slot
    assert guest.post(f"/customer/bookings/{booking['id']}/cancel", {"reason": "tidy"}).status_code == 200
    assert guest.post(path, slot).json()["code"] == "not_reschedulable"


def test_a_completed_visit_is_rated_once_and_shows_it(guest, chef, completed):
    path = f"/customer/bookings/{completed['id']}/rating"
    unpaid = guest.book()
    early = guest.post(f"/customer/bookings/{unpaid['id']}/rating", {"stars": 5})
    assert (early.status_code, early.json()["code"]) == (409, "not_completed")
    first, again = (guest.post(path, {"stars": 5, "comment": "Lovely"}, Idempotency_Key="rate") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json() == guest.booking(completed["id"])["rating"]
    assert guest.post(path, {"stars": 4}).json()["code"] == "already_rated"
    assert chef.get("/chef/profile").json()["rating"] == 5.0


def test_an_invoice_is_there_once_the_visit_is_completed(guest, completed):
    unpaid = guest.book()
    early = guest.get(f"/customer/bookings/{unpaid['id']}/invoice")
    assert (early.status_code, early.json()["code"]) == (404, "invoice_not_found")
    answer = guest.get(f"/customer/bookings/{completed['id']}/invoice")
    invoice = answer.json()
    assert (answer.headers["Content-Type"], invoice["booking_ref"]) == ("application/json", completed["ref"])
    assert re.fullmatch(r"SZ/\d\d-\d\d/\d{6}", invoice["number"])
    assert (invoice["total"], invoice["credit_notes"]) == (completed["total"], [])
    assert invoice["supplier"]["gstin"] == "27AAAAA0000A1Z5"


def test_a_browser_is_given_a_page_whose_one_sheet_the_policy_lets_through(guest, completed):
    path = f"/customer/bookings/{completed['id']}/invoice"
    page = guest.get(path, Accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    [sheet] = re.findall("<style>(.*)</style>", page.text, re.DOTALL)
    digest = b64encode(sha256(sheet.encode()).digest()).decode()
    policy = page.headers["Content-Security-Policy"]
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'"
    assert "Accept" in page.headers["Vary"]
    for accepted in ("*/*", "application/json", "application/json, text/html;q=0.9"):
        assert guest.get(path, Accept=accepted).json()["number"] in page.text


def test_a_booking_that_has_not_changed_is_not_sent_again(guest, chef, completed):
    for client, path in ((guest, f"/customer/bookings/{completed['id']}"), (chef, f"/chef/bookings/{completed['id']}")):
        known = client.get(path)
        tag = known.headers["ETag"]
        assert re.fullmatch(r'"[0-9a-f]+"', tag)
        assert client.get(path, If_Match='"other"').json() == known.json()
        for etag in (tag, f'"other", {tag}', f"W/{tag}", "*"):
            same = client.get(path, If_None_Match=etag)
            assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
        assert same.headers["X-Content-Type-Options"] == "nosniff"
        other = client.get(path, If_None_Match='"other"')
        assert (other.status_code, other.json()) == (200, known.json())


def test_a_change_is_news(guest):
    booking = guest.book()
    path = f"/customer/bookings/{booking['id']}"
    tag = guest.get(path).headers["ETag"]
    assert guest.post(f"{path}/cancel", {"reason": "tidy"}).status_code == 200
    changed = guest.get(path, If_None_Match=tag)
    assert (changed.status_code, changed.json()["status"]) == (200, "cancelled")
    assert changed.headers["ETag"] != tag


def test_another_customers_booking_cannot_be_used(system, completed):
    stranger, path = system.sign_in(), f"/customer/bookings/{completed['id']}"
    answers = [
        stranger.post(f"{path}/reschedule", system.slot()),
        stranger.post(f"{path}/rating", {"stars": 1}),
        stranger.get(f"{path}/invoice"),
        stranger.get(path, If_None_Match="*"),
    ]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "booking_not_found")}
