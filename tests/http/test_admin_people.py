"""An admin's HTTP API: chefs, customers, places, statistics and the audit log."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from uuid import uuid4

import pytest
import requests

from shared.payments.reconciliation.comparison import Theirs
from tests.api_document import DOCUMENT
from tests.system import Client, System, day

UNKNOWN_ID = "5f2c1f6e-6a0c-4d1e-9a51-7f0c7b1d2e30"
WEEK = [
    {"day_of_week": name, "start_time": "08:00", "end_time": "23:00"}
    for name in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
]
CIRCLE = {"name": "Centre", "latitude": 19.99, "longitude": 73.78}
WRITES = {
    f"{method.upper()} {path.removeprefix('/api/v1')}"
    for path, methods in DOCUMENT["paths"].items()
    for method in methods
    if path.startswith("/api/v1/admin/") and method != "get"
}


@pytest.fixture(scope="module")
def admin(system: System) -> Client:
    return system.demo("admin")


@pytest.fixture
def city() -> str:
    """A city of one's own, so that no other test is offered its chefs."""
    return f"Nashik {uuid4().hex}"


@pytest.fixture
def chef(admin: Client, city: str) -> dict[str, Any]:
    return made(admin.post("/admin/chefs", new_chef(service_city=city)))


@pytest.fixture
def location(admin: Client, city: str) -> dict[str, Any]:
    return made(admin.post("/admin/locations", {"city": city, "state": "Maharashtra"}))


def new_chef(**fields: Any) -> dict[str, Any]:
    return {"email": f"{uuid4().hex}@test.example", "name": "Asha Nair", "service_city": "Nashik", **fields}


def made(answer: requests.Response) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    return answer.json()


def book(guest: Client, city: str, **when: Any) -> requests.Response:
    home = guest.address(city=city, latitude=None, longitude=None)
    return guest.post("/customer/bookings", {"address_id": home, "booking_date": day(5), "time_slot": "12:00"} | when)


def test_a_chef_is_registered_given_a_week_and_verified_and_then_a_visit_is_booked_with_them(
    admin: Client, chef: dict[str, Any], location: dict[str, Any], city: str, system: System
):
    guest, path = system.sign_in(), f"/admin/chefs/{chef['id']}"
    week = admin.post(f"{path}/availability", {"slots": WEEK})
    assert (week.status_code, len(week.json()["availability"])) == (200, 7)
    assert book(guest, city).json()["code"] == "no_chef_free"
    verified = admin.put(path, {"is_verified": True, "verification_reference": "FSSAI 1"}).json()
    assert (verified["verified_by"], verified["hourly_rate"]) == (
        admin.get("/admin/users?q=admin@").json()["items"][0]["id"],
        399,
    )
    assert verified == admin.get(path).json()
    assert made(book(guest, city))["chef_id"] == chef["id"]
    assert location["areas"] == []


def test_a_deactivated_chef_is_out_at_once_and_again_changes_nothing(
    admin: Client, chef: dict[str, Any], system: System
):
    theirs = system.sign_in(chef["email"])
    assert theirs.get("/chef/profile").status_code == 200
    for _ in range(2):
        answer = admin.delete(f"/admin/chefs/{chef['id']}")
        assert (answer.status_code, answer.content) == (204, b"")
    assert theirs.get("/chef/profile").status_code == 401
    assert admin.get(f"/admin/chefs/{chef['id']}").json()["is_active"] is False
    assert admin.put(f"/admin/chefs/{chef['id']}", {"is_active": True}).json()["is_active"] is True
    assert theirs.get("/chef/profile").status_code == 401  # they sign in anew
    assert admin.put(f"/admin/chefs/{chef['id']}", {"is_active": False}).status_code == 422


def test_a_week_that_overlaps_itself_is_refused_by_the_entry_and_the_old_one_stands(
    admin: Client, chef: dict[str, Any]
):
    path = f"/admin/chefs/{chef['id']}"
    admin.post(f"{path}/availability", {"slots": WEEK})
    answer = admin.post(f"{path}/availability", {"slots": [*WEEK, WEEK[2]]})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "slots.7")
    assert len(admin.get(path).json()["availability"]) == 7
    assert admin.post(f"{path}/availability", {"slots": []}).json()["availability"] == []


def test_a_customer_who_becomes_a_chef_is_one_from_their_next_sign_in(admin: Client, system: System, city: str):
    guest = system.sign_in()
    assert made(admin.post("/admin/chefs", new_chef(email=guest.email, service_city=city)))["email"] == guest.email
    assert guest.get("/customer/profile").status_code == 401
    assert admin.get(f"/admin/users?q={guest.email}").json()["items"][0]["role"] == "chef"
    again = admin.post("/admin/chefs", new_chef(email=guest.email))
    assert (again.status_code, again.json()["code"], again.json()["role"]) == (409, "has_role", "chef")


def test_a_customer_with_bookings_does_not_become_a_chef(admin: Client, system: System):
    guest = system.sign_in()
    booking = guest.book()
    answer = admin.post("/admin/chefs", new_chef(email=guest.email))
    assert (answer.status_code, answer.json()["bookings"]) == (409, [booking["ref"]])
    assert guest.get("/customer/profile").status_code == 200


def test_blocking_ends_sessions_and_lists_remaining_bookings(admin: Client, system: System):
    guest = system.sign_in()
    booking = guest.book()
    [user] = admin.get(f"/admin/users?q={guest.email}").json()["items"]
    answer = admin.put(f"/admin/users/{user['id']}", {"is_active": False, "reason": "abuse"}).json()
    assert (answer["is_active"], answer["cancelled"], answer["remaining"]) == (False, 1, [])
    assert guest.get("/customer/profile").status_code == 401
    assert system.sql("select status from bookings where id = :id", id=booking["id"]) == [["cancelled"]]
    assert admin.put(f"/admin/users/{user['id']}", {"is_active": True}).json() == user | {
        "cancelled": 0,
        "remaining": [],
    }


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_a_paid_visit_of_a_blocked_customer_stands(admin: Client, system: System):
    guest = system.sign_in()
    booking = guest.book()
    system.sql("update bookings set status = 'confirmed', payment_status = 'success' where id = :id", id=booking["id"])
    [user] = admin.get(f"/admin/users?q={guest.email}").json()["items"]
    answer = admin.put(f"/admin/users/{user['id']}", {"is_active": False}).json()
    assert answer["cancelled"] == 0
    [remaining] = answer["remaining"]
    assert remaining.items() >= {name: booking[name] for name in ("id", "ref", "total", "starts_at")}.items()


def test_an_admin_blocks_neither_themselves_nor_a_chef(admin: Client, chef: dict[str, Any]):
    [me] = admin.get("/admin/users?role=admin&q=admin@sizzle").json()["items"]
    for user_id, code in ((me["id"], "not_yourself"), (chef["id"], "is_provider")):
        answer = admin.put(f"/admin/users/{user_id}", {"is_active": False})
        assert (answer.status_code, answer.json()["code"]) == (409, code)


def test_a_place_is_served_until_it_is_switched_off(admin: Client, location: dict[str, Any], city: str, system: System):
    guest = system.sign_in()

    def served(**at: float) -> tuple[bool, str]:
        answer = guest.post("/customer/check-serviceability", {"city": city.upper(), **at}).json()
        return answer["serviceable"], answer["rule"]

    assert served() == (True, "city")
    area = made(admin.post(f"/admin/locations/{location['id']}/areas", CIRCLE | {"radius_km": 200}))
    assert served(latitude=19.0, longitude=73.0) == (True, "area")
    admin.put(f"/admin/service-areas/{area['id']}", {"radius_km": 0.5})
    assert served(latitude=19.0, longitude=73.0) == (False, "area")
    admin.put(f"/admin/locations/{location['id']}", {"is_serviceable": False})
    assert served() == (False, "switched_off")
    assert admin.delete(f"/admin/locations/{location['id']}").status_code == 204
    assert served() == (False, "unknown_city")


def test_a_request_that_is_repeated_with_its_key_makes_one(admin: Client, city: str):
    for path, body in (
        ("/admin/chefs", new_chef()),
        ("/admin/locations", {"city": city, "state": "Maharashtra", "pincode": "422001"}),
    ):
        key = uuid4().hex
        first, second = (admin.post(path, body, Idempotency_Key=key) for _ in range(2))
        assert (first.status_code, first.json()) == (second.status_code, second.json())
        assert first.status_code == 201
        assert admin.post(path, body).status_code == 409


def test_the_numbers_of_a_period_have_every_day_and_those_of_today(admin: Client, system: System):
    before = admin.get("/admin/stats").json()
    system.sign_in().book()
    after = admin.get("/admin/stats").json()
    assert after["today"]["bookings"] == before["today"]["bookings"] + 1
    assert after["bookings"]["created"]["pending"] == before["bookings"]["created"]["pending"] + 1
    assert after["users"]["new"] == before["users"]["new"] + 1
    assert after["by_day"] == [after["today"]]
    year = admin.get(f"/admin/stats?from={day(-300)}&to={day(0)}").json()["by_day"]
    assert len(year) == 301
    for wrong in (f"from={day(-400)}", "from=2026-11-31", "to=0", f"from={day(2)}&to={day(1)}", "since=2026-11-01"):
        assert admin.get(f"/admin/stats?{wrong}").status_code == 422, wrong


@pytest.fixture
def writes(admin: Client, chef: dict[str, Any], location: dict[str, Any], system: System) -> dict[str, Any]:
    """Return a successful and a refused call of each admin write."""
    chef_id, location_id = chef["id"], location["id"]
    area = made(admin.post(f"/admin/locations/{location_id}/areas", CIRCLE))["id"]
    guest, payer = system.sign_in(), system.sign_in()
    refunds, exception_id = given_back_by_hand(admin, payer)
    [user] = admin.get(f"/admin/users?q={guest.email}").json()["items"]
    place = {"city": uuid4().hex, "state": "Goa"}

    def call(method: str, path: str, body: Any = None) -> Callable[[], requests.Response]:
        return lambda: admin.call(method, path, body)

    def put(path: str, one: str, body: Any) -> tuple[Callable[[], requests.Response], Callable[[], requests.Response]]:
        return call("PUT", f"{path}/{one}", body), call("PUT", f"{path}/{UNKNOWN_ID}", body)

    def remove(path: str, one: str) -> tuple[Callable[[], requests.Response], Callable[[], requests.Response]]:
        return call("DELETE", f"{path}/{one}"), call("DELETE", f"{path}/{UNKNOWN_ID}")

    return {
        "POST /admin/chefs": (
            call("POST", "/admin/chefs", new_chef()),
            call("POST", "/admin/chefs", new_chef(email=chef["email"])),
        ),
        "PUT /admin/chefs/{chef_id}": put("/admin/chefs", chef_id, {"bio": "Grills"}),
        "POST /admin/chefs/{chef_id}/availability": (
            call("POST", f"/admin/chefs/{chef_id}/availability", {"slots": WEEK}),
            call("POST", f"/admin/chefs/{UNKNOWN_ID}/availability", {"slots": WEEK}),
        ),
        "DELETE /admin/chefs/{chef_id}": remove("/admin/chefs", chef_id),
        "PUT /admin/users/{user_id}": put("/admin/users", user["id"], {"is_active": False}),
        "POST /admin/locations": (
            call("POST", "/admin/locations", place),
            call("POST", "/admin/locations", {"city": location["city"].upper(), "state": "Goa"}),
        ),
        "PUT /admin/locations/{location_id}": put("/admin/locations", location_id, {"is_serviceable": False}),
        "POST /admin/locations/{location_id}/areas": (
            call("POST", f"/admin/locations/{location_id}/areas", CIRCLE),
            call("POST", f"/admin/locations/{UNKNOWN_ID}/areas", CIRCLE),
        ),
        "PUT /admin/service-areas/{area_id}": put("/admin/service-areas", area, {"is_active": False}),
        "DELETE /admin/service-areas/{area_id}": remove("/admin/service-areas", area),
        "PUT /admin/bookings/{booking_id}": put("/admin/bookings", payer.book()["id"], {"cash": {"agreed": True}}),
        "POST /admin/bookings/{booking_id}/refunds": (
            call("POST", refunds, {"amount": 50, "reason": "One dish less"}),
            call("POST", refunds, {"amount": 5_000, "reason": "More than was paid"}),
        ),
        "PUT /admin/exceptions/{exception_id}": put(
            "/admin/exceptions", exception_id, {"closing_note": "Handed back", "reference": "RECEIPT-1"}
        ),
        "POST /admin/tasks/{task_id}/retry": (
            call("POST", f"/admin/tasks/{dead_task(system)}/retry"),
            call("POST", f"/admin/tasks/{UNKNOWN_ID}/retry"),
        ),
        "PUT /admin/reconciliations/rows/{row_id}": put(
            "/admin/reconciliations/rows", compared(system), {"action": "close", "note": "Another system's"}
        ),
        "DELETE /admin/locations/{location_id}": remove("/admin/locations", location_id),
    }


def dead_task(system: System) -> str:
    """Create a dead task about an unknown payment; return its id."""
    statement = """
        insert into outbox (id, kind, payload, created_at, due_at, next_try_at, dead_at)
        values (:id, 'payments.poll', cast(:about as jsonb), now(), now(), now(), now())
    """
    system.sql(statement, id=(task_id := str(uuid4())), about=f'{{"attempt_id": "{uuid4()}"}}')
    return task_id


def compared(system: System) -> str:
    """Store a settlement report row about an unknown payment; return the row's id."""
    system.sql("insert into reconciliation_days (day) values ('2026-01-01') on conflict do nothing")
    statement = """
        insert into reconciliation_rows (id, day, gateway, kind, our_id, outcome, theirs, created_at, compared_at)
        values (:id, '2026-01-01', 'phonepe_v2', 'notification', 'OTHER-1', 'theirs_only', cast(:theirs as jsonb), now(), now())
    """
    theirs = json.dumps(asdict(Theirs("pending", "PENDING", None, None, None, None)))
    system.sql(statement, id=(row_id := str(uuid4())), theirs=theirs)
    return row_id


def given_back_by_hand(admin: Client, guest: Client) -> tuple[str, str]:
    """Pay a booking in cash and refund part; return the path of its refunds and the open exception."""
    booking = guest.book()
    path = f"/admin/bookings/{booking['id']}"
    assert admin.put(path, {"cash": {"amount": booking["total"], "held_by": "platform"}}).status_code == 200
    made(admin.post(f"{path}/refunds", {"amount": 50, "reason": "Cold soup"}))
    [waiting] = admin.get(f"/admin/exceptions?booking_id={booking['id']}").json()["items"]
    return f"{path}/refunds", waiting["id"]


def test_every_write_of_an_admin_is_in_the_log_and_no_refused_one(
    admin: Client, system: System, writes: dict[str, Any]
):
    """Fails for a new admin operation until `writes` performs it and its audit entry is checked."""
    assert set(writes) == WRITES

    def logged() -> int:
        return system.sql("select count(*) from audit_log")[0][0]

    for name, (succeeds, is_refused) in writes.items():
        before = logged()
        assert is_refused().status_code in {404, 409}, name
        assert logged() == before, name
        assert succeeds().status_code in {200, 201, 204}, name
        assert logged() == before + 1, name
    newest = admin.get("/admin/audit?limit=1").json()["items"][0]
    assert (newest["action"], newest["subject"], newest["after"]) == ("location.removed", "location", None)
    assert newest["actor_id"] == admin.get("/admin/users?q=admin@sizzle").json()["items"][0]["id"]
    assert newest["address"]
    assert newest["request_id"]
    of_it = admin.get(f"/admin/audit?subject_id={newest['subject_id']}&action=location.added").json()["items"]
    assert [entry["subject_id"] for entry in of_it] == [newest["subject_id"]]


def test_the_log_holds_no_secret(system: System, admin: Client):
    audit_log = admin.get("/admin/audit?limit=100").text
    for secret in ("JWT_KEYS", "REFRESH_KEYS", "OTP_KEYS"):
        assert system.env[secret].partition(":")[2] not in audit_log
