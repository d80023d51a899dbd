"""A customer previews a cancellation's refund, and cancels for exactly that amount."""

import pytest

from tests.system import eventually


@pytest.fixture(scope="module")
def guest(system):
    return system.sign_in()


def test_a_paid_visit_is_cancelled_for_what_was_shown_and_the_money_comes_back(system, guest):
    booking = guest.book()
    guest.pay(booking["id"])
    eventually(lambda: guest.booking(booking["id"])["status"] == "confirmed")
    path = f"/customer/bookings/{booking['id']}"

    shown = guest.get(f"{path}/cancellation")
    assert (shown.status_code, shown.json()) == (200, {"refund": booking["total"], "valid_until": None})
    other = guest.post(f"{path}/cancel", {"reason": "plans", "expected_refund": 1})
    assert (other.status_code, other.json()["code"], other.json()["refund"]) == (
        409,
        "refund_changed",
        booking["total"],
    )

    body = {"reason": "Our plans changed", "expected_refund": booking["total"]}
    first = guest.post(f"{path}/cancel", body, Idempotency_Key="once")
    again = guest.post(f"{path}/cancel", body, Idempotency_Key="once")
    assert first.status_code == 200, first.text
    assert again.json() == first.json()
    assert (first.json()["status"], first.json()["cancellation_reason"]) == ("cancelled", "Our plans changed")
    assert guest.post(f"{path}/cancel", body).json()["code"] == "not_cancellable"

    done = eventually(lambda: guest.booking(booking["id"])["refunds"][0]["state"] == "done")
    assert done
    assert guest.booking(booking["id"])["payment_status"] == "refunded"
    subjects = eventually(
        lambda: [mail["subject"] for mail in system.mails(guest.email) if "Refunded" in mail["subject"]]
    )
    assert len(subjects) == 1


def test_the_same_key_for_another_booking_is_another_request(guest):
    """Fails when a key is scoped to the route pattern instead of the path: the first response is replayed."""
    one, two = guest.book(), guest.book()
    answers = [
        guest.post(f"/customer/bookings/{booking['id']}/cancel", {"reason": "plans"}, Idempotency_Key="same")
        for booking in (one, two)
    ]
    assert [answer.json()["id"] for answer in answers] == [one["id"], two["id"]]


def test_another_customers_visit_cannot_be_cancelled(system, guest):
    booking = guest.book()
    stranger = system.sign_in()
    assert stranger.get(f"/customer/bookings/{booking['id']}/cancellation").status_code == 404
    assert stranger.post(f"/customer/bookings/{booking['id']}/cancel", {"reason": "mine"}).status_code == 404
    assert guest.post(f"/customer/bookings/{booking['id']}/cancel", {"reason": "tidy"}).status_code == 200


def test_what_has_happened_to_a_booking_can_be_followed_event_by_event(guest):
    booking = guest.book()
    path = f"/customer/bookings/{booking['id']}/events"
    first = guest.get(path).json()
    assert [event["kind"] for event in first["items"]] == ["booked"]
    assert guest.get(f"{path}?after={first['after']}").json()["items"] == []
    guest.post(f"/customer/bookings/{booking['id']}/cancel", {"reason": "tidy"})
    [event] = guest.get(f"{path}?after={first['after']}").json()["items"]
    fields = {name: event[name] for name in ("actor", "kind", "from_status", "to_status", "reason")}
    assert fields == {
        "actor": "customer",
        "kind": "cancelled",
        "from_status": "pending",
        "to_status": "cancelled",
        "reason": "tidy",
    }
