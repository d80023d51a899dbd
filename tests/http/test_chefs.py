"""A chef's availability and a customer's search for chefs, over HTTP."""

from typing import Any

import pytest

from tests.system import Client, System, day

TOWN = "Chefs' Town"


@pytest.fixture(scope="module")
def chef(system: System) -> Client:
    """A verified chef who is the only one in a town."""
    person = system.sign_in()
    system.sql("insert into locations (id, city, state) values (gen_random_uuid(), :town, 'Goa')", town=TOWN)
    system.sql(
        "update users set role = 'chef', name = 'Lata Rao', phone = '+919811111111' where email = :e", e=person.email
    )
    system.sql(
        "insert into providers (user_id, line, rate, is_verified, service_city) select id, 'home_chef', 39900, true, :town from users where email = :e",
        town=TOWN,
        e=person.email,
    )
    return person


@pytest.fixture(scope="module")
def guest(system: System) -> Client:
    return system.sign_in()


@pytest.fixture(scope="module")
def address(guest: Client) -> str:
    return guest.address(city=TOWN, latitude=None, longitude=None)


def own_id(chef: Client) -> str:
    return chef.get("/chef/profile").json()["id"]


def opening(weekday: str, starts: str, ends: str) -> dict[str, str]:
    return {"day_of_week": weekday, "start_time": starts, "end_time": ends}


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_chef_sets_their_week_and_is_found_by_who_could_book_them(chef: Client, guest: Client, address: str):
    for weekday in ("mon", "tue", "wed", "thu", "fri", "sat", "sun"):
        answer = chef.post("/chef/availability", opening(weekday, "18:00", "24:00"))
        assert (answer.status_code, answer.json()["end_time"]) == (201, "24:00")
    overlap = chef.post("/chef/availability", opening("mon", "17:00", "18:30"))
    assert problem(overlap) == (409, "availability_overlap")
    assert overlap.json()["slot"]["start_time"] == "18:00"
    early = chef.post("/chef/availability", opening("mon", "17:00", "18:00")).json()
    assert early in chef.get("/chef/profile").json()["availability"]
    assert chef.delete(f"/chef/availability/{early['id']}").status_code == 204
    assert problem(chef.delete(f"/chef/availability/{early['id']}")) == (404, "availability_not_found")

    times = guest.get(f"/customer/slots?address_id={address}&booking_date={day(5)}&duration_hours=5").json()
    assert times == {
        "booking_date": day(5),
        "time_zone": "Asia/Kolkata",
        "duration_hours": 5,
        "time_slots": ["18:00", "18:30", "19:00"],
    }
    visit = f"booking_date={day(5)}&time_slot=19:00&duration_hours=3&guest_count=8"
    found = guest.get(f"/customer/chefs?address_id={address}&{visit}").json()
    [item] = found["items"]
    assert (found["next_cursor"], item["id"], item["name"]) == (None, own_id(chef), "Lata R.")
    # ₹399 × 3 h, four guests too many, at the peak, with the fee and the tax
    assert item["total"] == 2361.56
    assert guest.get(f"/customer/chefs?city={TOWN}&{visit}").json() == found

    page = guest.get(f"/customer/chefs/{item['id']}")
    assert page.json()["availability"][0] == opening("mon", "18:00", "24:00")
    assert not [secret for secret in ("Rao", chef.email, "+91981") if secret in page.text]


def test_a_day_off_waits_for_the_visits_of_the_day(chef: Client, guest: Client, address: str):
    body = {"booking_date": day(9), "time_slot": "22:00", "duration_hours": 2, "address_id": address}
    booked = guest.post("/customer/bookings", body).json()
    assert booked["chef_id"] == own_id(chef)
    refused = chef.post("/chef/days-off", {"day": day(9)})
    assert problem(refused) == (409, "visits_booked")
    assert [visit["ref"] for visit in refused.json()["visits"]] == [booked["ref"]]

    taken = chef.post("/chef/days-off", {"day": day(10), "reason": "A wedding"})
    assert (taken.status_code, taken.json()["reason"]) == (201, "A wedding")
    assert problem(chef.post("/chef/days-off", {"day": day(10)})) == (409, "day_off_taken")
    assert chef.get("/chef/days-off").json() == {"items": [taken.json()], "next_cursor": None}
    times = f"/customer/slots?address_id={address}&booking_date={day(10)}"
    assert guest.get(times).json()["time_slots"] == []
    assert chef.delete(f"/chef/days-off/{taken.json()['id']}").status_code == 204
    assert guest.get(times).json()["time_slots"] != []


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (f"/customer/chefs?booking_date={day(5)}&time_slot=19:00", "query"),
        (f"/customer/chefs?city=Mumbai&booking_date={day(5)}&time_slot=19:15", "query.time_slot"),
        ("/customer/chefs?city=Mumbai&booking_date=1800000000&time_slot=19:00", "query.booking_date"),
        (f"/customer/chefs?city=Mumbai&booking_date={day(99)}&time_slot=19:00", "query.booking_date"),
        (f"/customer/slots?address_id={'0' * 8}-0000-0000-0000-{'0' * 12}&booking_date={day(5)}", "query.address_id"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused_by_its_field(guest: Client, path: str, field: str):
    answer = guest.get(path)
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, [field])


def test_a_time_ends_after_it_starts_and_on_the_half_hour(chef: Client):
    for starts, ends, field in (
        ("10:00", "10:00", "end_time"),
        ("10:00", "24:30", "end_time"),
        ("24:00", "24:00", "start_time"),
        ("10:15", "11:00", "start_time"),
    ):
        answer = chef.post("/chef/availability", opening("mon", starts, ends))
        assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, [field])
