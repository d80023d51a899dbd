"""A chef's HTTP API: profile, bookings and status changes."""

from typing import Any

import pytest

from tests.system import Client, System

UNKNOWN_ID = "5f2c1f6e-6a0c-4d1e-9a51-7f0c7b1d2e30"


@pytest.fixture
def chef(system: System) -> Client:
    return system.demo("asha")


@pytest.fixture
def client(system: System) -> Client:
    person = system.sign_in()
    person.put("/customer/profile", {"name": "Meera Devi Shah", "phone": "+919876543210"})
    return person


def seen(chef: Client, booking: dict[str, Any]) -> dict[str, Any]:
    return chef.get(f"/chef/bookings/{booking['id']}").json()


def step(chef: Client, booking: dict[str, Any], status: object, **more: object) -> Any:
    return chef.put(f"/chef/bookings/{booking['id']}/status", {"status": status, **more})


def paid(client: Client) -> dict[str, Any]:
    booking = client.book()
    txn = client.pay(booking["id"])
    assert client.get(f"/payments/status/{txn}").json()["status"] == "success"
    return booking


def test_a_chef_changes_what_is_theirs_and_what_is_absent_stays(system: System):
    ravi = system.demo("ravi")
    before = ravi.get("/chef/profile").json()
    fields = {"bio": "Grills", "specialties": ["Barbecue", "தமிழ்"], "experience_years": 12, "name": "Ravi K"}
    after = ravi.put("/chef/profile", fields).json()
    assert after == before | fields
    assert ravi.put("/chef/profile", {"bio": None}).json() == after | {"bio": None}
    back = {name: before[name] for name in fields}
    assert ravi.put("/chef/profile", back).json() == before
    assert before["hourly_rate"] == 599
    assert before["availability"][0] == before["availability"][0] | {"day_of_week": "mon", "start_time": "08:00"}


@pytest.mark.parametrize("rate", [99, 5001, 399.5, "399", None, True, -1, 0, 10**30, [399]])
def test_a_rate_is_whole_rupees_from_a_hundred_to_five_thousand(chef: Client, rate: object):
    answer = chef.put("/chef/profile", {"hourly_rate": rate})
    assert answer.status_code == 422
    assert chef.get("/chef/profile").json()["hourly_rate"] == 399


def test_the_ends_of_the_range_are_in_it(chef: Client):
    try:
        for rate in (100, 5000, 250.0):
            assert chef.put("/chef/profile", {"hourly_rate": rate}).json()["hourly_rate"] == rate
    finally:
        chef.put("/chef/profile", {"hourly_rate": 399})


@pytest.mark.parametrize(
    "fields",
    [
        {"is_verified": True},
        {"rating": 5},
        {"email": "x@y.example"},
        {"total_bookings": 9},
        {"is_available": None},
        {"is_available": "yes"},
        {"specialties": None},
        {"specialties": "Kerala"},
        {"specialties": ["x"] * 21},
        {"specialties": [""]},
        {"experience_years": 71},
        {"experience_years": -1},
        {"bio": "x" * 2001},
    ],
)
def test_what_is_not_a_chefs_to_say_is_refused(chef: Client, fields: dict[str, object]):
    assert chef.put("/chef/profile", fields).status_code == 422


def test_until_they_accept_a_chef_knows_the_area_and_the_first_name(chef: Client, client: Client):
    booking = client.book()
    before = seen(chef, booking)
    assert (before["customer_name"], before["customer_phone"]) == ("Meera", None)
    assert {name for name, value in before["address"].items() if value is not None} == {"city", "pincode"}
    assert "Hill Road" not in str(before)
    assert step(chef, booking, "confirmed").status_code == 200
    after = seen(chef, booking)
    assert (after["customer_name"], after["customer_phone"]) == ("Meera Devi Shah", "+919876543210")
    assert after["address"]["full_address"] == "12 Hill Road"


def test_the_list_keeps_the_same_secrets_as_the_single_booking(chef: Client, client: Client):
    booking = client.book()
    listed = chef.get("/chef/bookings?limit=1").json()["items"]
    assert listed == [seen(chef, booking)]


def test_a_chef_sees_what_they_earn_and_never_the_customers_price_or_mail(chef: Client, client: Client):
    shown = seen(chef, client.book())
    assert shown["earning"] == 798
    assert not {"total", "breakdown", "customer_email"} & set(shown)
    assert client.email not in str(shown)


def test_the_list_is_filtered_by_status_and_paged(chef: Client, client: Client):
    first, second = client.book(), client.book()
    step(chef, second, "confirmed")
    pending = chef.get("/chef/bookings?status=pending&limit=100").json()["items"]
    assert {item["status"] for item in pending} == {"pending"}
    assert first["id"] in {item["id"] for item in pending}
    assert second["id"] not in {item["id"] for item in pending}
    page = chef.get("/chef/bookings?limit=1").json()
    assert page["items"][0]["id"] == second["id"]
    page = chef.get(f"/chef/bookings?limit=1&cursor={page['next_cursor']}").json()
    assert page["items"][0]["id"] == first["id"]
    assert chef.get("/chef/bookings?status=done").status_code == 422


def test_another_chefs_booking_is_not_there(system: System, client: Client):
    booking = client.book()
    for booking_id in (booking["id"], UNKNOWN_ID):
        assert system.demo("ravi").get(f"/chef/bookings/{booking_id}").status_code == 404
        answer = system.demo("ravi").put(f"/chef/bookings/{booking_id}/status", {"status": "confirmed"})
        assert (answer.status_code, answer.json()["code"]) == (404, "booking_not_found")


def test_a_paid_visit_is_accepted_started_and_completed(chef: Client, client: Client):
    booking = paid(client)
    for status in ("confirmed", "in_progress", "completed"):
        answer = step(chef, booking, status)
        assert (answer.status_code, answer.json()["status"]) == (200, status)
        again = step(chef, booking, status)
        assert (again.status_code, again.json()) == (200, answer.json())
        assert client.booking(booking["id"])["status"] == status


def test_repeating_a_step_writes_no_second_line_of_history(system: System, chef: Client, client: Client):
    booking = client.book()
    for _ in range(3):
        step(chef, booking, "confirmed")
    kinds = system.sql("select kind from booking_events where booking_id = :id order by id", id=booking["id"])
    assert [kind for (kind,) in kinds].count("accepted") == 1


@pytest.mark.parametrize("status", ["in_progress", "completed", "cancelled"])
def test_a_step_a_pending_booking_does_not_allow_names_the_states(chef: Client, client: Client, status: str):
    booking = client.book()
    answer = step(chef, booking, status)
    assert answer.status_code == 409
    refusal = answer.json()
    assert (refusal["code"], refusal["current"], refusal["target"]) == ("step_not_allowed", "pending", status)
    assert refusal["allowed"] == ["cancelled", "confirmed"]


def test_a_visit_starts_only_when_it_is_paid_and_accepted(chef: Client, client: Client):
    unpaid = client.book()
    step(chef, unpaid, "confirmed")
    assert "paid" in step(chef, unpaid, "in_progress").json()["detail"]
    unanswered = paid(client)
    assert "ccept" in step(chef, unanswered, "in_progress").json()["detail"]
    assert step(chef, unanswered, "in_progress").status_code == 409


def test_a_completed_visit_stays_completed(chef: Client, client: Client):
    booking = paid(client)
    for status in ("confirmed", "in_progress", "completed"):
        step(chef, booking, status)
    for status in ("confirmed", "in_progress", "declined", "cancelled"):
        answer = step(chef, booking, status)
        assert (answer.status_code, answer.json()["current"]) == (409, "completed")


def test_an_offer_that_lapsed_cannot_be_accepted(system: System, chef: Client, client: Client):
    booking = paid(client)
    system.sql("update offers set expires_at = now() - interval '1 second' where booking_id = :id", id=booking["id"])
    answer = step(chef, booking, "confirmed")
    assert (answer.status_code, answer.json()["code"]) == (409, "offer_gone")


def test_a_visit_whose_money_a_person_has_to_look_at_does_not_start(system: System, chef: Client, client: Client):
    """An open review of the visit itself does not block its start."""
    booking = paid(client)
    step(chef, booking, "confirmed")
    insert = "insert into exceptions (id, kind, subject_id, booking_id, facts)"
    system.sql(f"{insert} values (gen_random_uuid(), 'visit', :id, :id, '{{}}')", id=booking["id"])
    attempt = "from payment_attempts where booking_id = :id"
    system.sql(f"{insert} select gen_random_uuid(), 'money', id, booking_id, '{{}}' {attempt}", id=booking["id"])
    assert "under manual review" in step(chef, booking, "in_progress").json()["detail"]
    close = "update exceptions set closed_at = now() where booking_id = :id and kind = 'money'"
    system.sql(close, id=booking["id"])
    assert step(chef, booking, "in_progress").status_code == 200


@pytest.mark.parametrize(
    "body",
    [{}, {"status": "done"}, {"status": "pending"}, {"status": None}, {"status": 1}, {"status": "confirmed", "x": 1}],
)
def test_what_is_no_step_is_refused(chef: Client, client: Client, body: dict[str, object]):
    answer = chef.put(f"/chef/bookings/{client.book()['id']}/status", body)
    assert answer.status_code == 422
