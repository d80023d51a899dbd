"""Reassignment over HTTP: a chef declines, an admin reassigns, a user is deactivated or blocked."""

from typing import Any
from uuid import uuid4

import pytest

from tests.system import Client, System, eventually

WEEK = [
    {"day_of_week": name, "start_time": "08:00", "end_time": "23:00"}
    for name in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
]


@pytest.fixture(scope="module")
def admin(system: System) -> Client:
    return system.demo("admin")


@pytest.fixture
def city(admin: Client) -> str:
    """A new city, where no other chef is offered visits."""
    name = f"Satara {uuid4().hex}"
    assert admin.post("/admin/locations", {"city": name, "state": "Maharashtra"}).status_code == 201
    return name


def registered(admin: Client, city: str, name: str, rate: int) -> Client:
    """Register a chef, give them a week, verify them and sign them in."""
    email = f"{uuid4().hex}@test.example"
    body = {"email": email, "name": name, "service_city": city, "hourly_rate": rate}
    path = f"/admin/chefs/{admin.post('/admin/chefs', body).json()['id']}"
    assert admin.post(f"{path}/availability", {"slots": WEEK}).status_code == 200
    assert admin.put(path, {"is_verified": True}).status_code == 200
    return admin.system.sign_in(email)


@pytest.fixture
def first(admin: Client, city: str) -> Client:
    return registered(admin, city, "Nila Rao", 100)


@pytest.fixture
def second(admin: Client, city: str) -> Client:
    return registered(admin, city, "Omar Sheikh", 500)


@pytest.fixture
def guest(system: System) -> Client:
    return system.sign_in()


def id_of(chef: Client) -> str:
    return str(chef.get("/chef/profile").json()["id"])


def booked(guest: Client, city: str, chef: Client) -> dict[str, Any]:
    home = guest.address(city=city, latitude=None, longitude=None)
    return guest.book(address_id=home, chef_id=id_of(chef))


def paid(guest: Client, city: str, chef: Client) -> dict[str, Any]:
    booking = booked(guest, city, chef)
    guest.pay(booking["id"])
    eventually(lambda: guest.booking(booking["id"])["status"] == "confirmed")
    return booking


def step(chef: Client, booking: dict[str, Any], status: str, **more: str) -> Any:
    return chef.put(f"/chef/bookings/{booking['id']}/status", {"status": status, **more})


def seen(chef: Client, booking: dict[str, Any]) -> Any:
    return chef.get(f"/chef/bookings/{booking['id']}")


def mails(guest: Client, words: str) -> list[str]:
    return [mail["text"] for mail in guest.system.mails(guest.email) if words in mail["subject"]]


def audited(admin: Client, subject: str) -> list[str]:
    """Return the audit log of a subject, oldest first; each entry has the values before and after."""
    entries = admin.get(f"/admin/audit?subject_id={subject}").json()["items"]
    assert all(entry["before"] != entry["after"] for entry in entries)
    return [entry["action"] for entry in reversed(entries)]


def test_a_visit_that_is_declined_is_the_next_chefs_with_all_they_need_to_answer(
    guest: Client, city: str, first: Client, second: Client
):
    booking = paid(guest, city, first)
    declined = step(first, booking, "declined", reason="I am ill")
    assert declined.status_code == 200, declined.text
    assert seen(first, booking).status_code == step(first, booking, "confirmed").status_code == 404

    theirs = seen(second, booking).json()
    assert (theirs["status"], theirs["acceptance"], theirs["earning"]) == (
        *("confirmed", "awaiting"),
        booking["breakdown"]["subtotal"],
    )
    assert theirs["offer_expires_at"] > theirs["created_at"]
    sent = eventually(lambda: mails(second, booking["ref"]))
    assert "Please accept or decline it in the app by" in sent[0]

    shown = guest.booking(booking["id"])
    assert (shown["chef_id"], shown["chef_name"], shown["total"]) == (id_of(second), "Omar Sheikh", booking["total"])
    [mail] = eventually(lambda: mails(guest, f"Another chef: visit {booking['ref']}"))
    assert "Omar Sheikh has been asked to come instead" in mail
    assert "I am ill" not in mail + str(shown)
    assert step(second, booking, "confirmed").json()["acceptance"] == "accepted"


def test_an_admin_chooses_who_cooks_and_moves_a_visit_on(
    admin: Client, guest: Client, city: str, first: Client, second: Client
):
    booking = booked(guest, city, first)
    path = f"/admin/bookings/{booking['id']}"
    given = admin.put(path, {"chef_id": id_of(second)})
    assert (given.status_code, given.json()["visit"]["earning"]) == (200, booking["breakdown"]["subtotal"]), given.text
    assert [(offer["provider_name"], offer["state"]) for offer in given.json()["offers"]] == [
        ("Nila Rao", "withdrawn"),
        ("Omar Sheikh", "open"),
    ]
    assert (seen(first, booking).status_code, seen(second, booking).status_code) == (404, 200)
    assert eventually(lambda: mails(guest, f"Another chef: visit {booking['ref']}"))
    moved = admin.put(path, {"status": "confirmed", "reason": "Pays at the door"})
    assert (moved.status_code, moved.json()["status"], moved.json()["acceptance"]) == (200, "confirmed", "awaiting")
    assert audited(admin, booking["id"]) == ["booking.assigned", "booking.moved"]

    for refused, code in (
        ({"chef_id": booking["id"]}, "invalid"),
        ({"status": "completed", "reason": "x"}, "step_not_allowed"),
    ):
        assert admin.put(path, refused).json()["code"] == code
    assert audited(admin, booking["id"]) == ["booking.assigned", "booking.moved"]


def test_an_admin_cancels_and_everything_goes_back(admin: Client, guest: Client, city: str, first: Client):
    booking = paid(guest, city, first)
    step(first, booking, "confirmed")
    body = {"status": "cancelled", "reason": "The kitchen is closed"}
    answer = admin.put(f"/admin/bookings/{booking['id']}", body)
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled"), answer.text
    assert [refund["amount"] for refund in answer.json()["refunds"]] == [booking["total"]]
    assert eventually(lambda: guest.booking(booking["id"])["payment_status"] == "refunded")
    assert audited(admin, booking["id"]) == ["booking.moved"]
    assert eventually(lambda: mails(first, f"Cancelled: visit {booking['ref']}"))


def test_the_visits_of_a_deactivated_chef_go_to_another_and_their_token_ends_at_once(
    admin: Client, guest: Client, city: str, first: Client, second: Client
):
    awaiting, accepted = booked(guest, city, first), paid(guest, city, first)
    step(first, accepted, "confirmed")
    chef_id = id_of(first)
    assert admin.delete(f"/admin/chefs/{chef_id}").status_code == 204
    assert first.get("/chef/profile").status_code == 401
    for booking in (awaiting, accepted):
        shown = guest.booking(booking["id"])
        assert (shown["chef_name"], shown["acceptance"]) == ("Omar Sheikh", "awaiting")
        assert eventually(lambda booking=booking: mails(guest, f"Another chef: visit {booking['ref']}"))
        assert seen(second, booking).status_code == 200
    assert audited(admin, chef_id)[-1] == "chef.deactivated"


def test_blocking_cancels_unpaid_bookings_and_keeps_paid_ones(admin: Client, guest: Client, city: str, second: Client):
    unpaid, kept = booked(guest, city, second), paid(guest, city, second)
    [user] = admin.get(f"/admin/users?q={guest.email}").json()["items"]
    answer = admin.put(f"/admin/users/{user['id']}", {"is_active": False, "reason": "abuse"}).json()
    assert (answer["cancelled"], [booking["ref"] for booking in answer["remaining"]]) == (1, [kept["ref"]])
    assert guest.get("/customer/profile").status_code == 401
    for booking, expected in ((unpaid, ("cancelled", None)), (kept, ("confirmed", "Omar Sheikh"))):
        shown = admin.get(f"/admin/bookings/{booking['id']}").json()
        assert (shown["status"], shown["provider_name"]) == expected
    assert audited(admin, user["id"]) == ["user.blocked"]
