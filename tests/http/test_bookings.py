"""A customer books over HTTP: what is stored, what is refused, what is listed."""

import base64
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from tests.system import Client, System, day

UNKNOWN_ID = "5f2c1f6e-6a0c-4d1e-9a51-7f0c7b1d2e30"


@pytest.fixture
def client(system: System) -> Client:
    return system.sign_in()


def chef(system: System, name: str) -> str:
    return str(system.sql("select id from users where email = :email", email=f"{name}@sizzle.example")[0][0])


def test_a_booking_says_what_when_where_and_until_when_to_pay(system: System, client: Client):
    body = client.booking_body(duration_hours=3, guest_count=5, special_requests="  no nuts ")
    booking = client.book(**body)
    assert re.fullmatch(r"SZ-[0-9A-HJKMNP-TV-Z]{8}", booking["ref"])
    assert (booking["status"], booking["payment_status"], booking["acceptance"]) == ("pending", "pending", "awaiting")
    assert {name: booking[name] for name in ("booking_date", "time_slot", "duration_hours", "guest_count")} == {
        name: body[name] for name in ("booking_date", "time_slot", "duration_hours", "guest_count")
    }
    assert booking["special_requests"] == "no nuts"
    starts, ends = (datetime.fromisoformat(booking[name]) for name in ("starts_at", "ends_at"))
    assert ends - starts == timedelta(hours=3)
    assert starts == datetime.fromisoformat(f"{body['booking_date']}T{body['time_slot']}:00+05:30")
    waits = datetime.fromisoformat(booking["pay_by"]) - datetime.fromisoformat(booking["created_at"])
    assert waits == timedelta(minutes=30)
    assert booking["chef_id"] == chef(system, "asha")
    assert booking["address"]["full_address"] == "12 Hill Road"
    assert booking["refunds"] == []


def test_a_booking_is_shown_again_as_it_was_answered(client: Client):
    booking = client.book()
    assert client.booking(booking["id"]) == booking
    assert client.get("/customer/bookings").json() == {"items": [booking], "next_cursor": None}


def test_two_hours_for_two_are_the_defaults(client: Client):
    body = client.booking_body()
    booking = client.book(**body)
    assert (booking["duration_hours"], booking["guest_count"], booking["total"]) == (2, 2, 879.80)


@pytest.mark.parametrize("field", ["total", "price", "amount", "breakdown", "status", "payment_status", "rate"])
def test_a_price_in_the_body_is_refused(client: Client, field: str):
    answer = client.post("/customer/bookings", client.booking_body() | {field: 1})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert client.get("/customer/bookings").json()["items"] == []


def test_missing_fields_are_named(client: Client):
    answer = client.post("/customer/bookings", {"guest_count": 2})
    assert answer.status_code == 422
    for name in ("address_id", "booking_date", "time_slot"):
        assert name in answer.text


def test_a_second_visit_of_one_customer_at_that_time_names_the_first(system: System, client: Client):
    body = client.booking_body()
    first = client.book(**body)
    answer = client.post("/customer/bookings", body | {"chef_id": chef(system, "ravi")})
    assert (answer.status_code, answer.json()["code"]) == (409, "overlapping_booking")
    assert answer.json()["ref"] == first["ref"]


def test_a_named_chef_who_is_busy_is_refused_with_the_nearest_free_times(system: System, client: Client):
    slot, asha = system.slot(), chef(system, "asha")
    client.book(chef_id=asha, **slot)
    other = system.sign_in()
    answer = other.post("/customer/bookings", other.booking_body(chef_id=asha, **slot))
    assert (answer.status_code, answer.json()["code"]) == (409, "chef_unavailable")
    nearest = answer.json()["nearest"]
    assert 1 <= len(nearest) <= 3
    at = datetime.fromisoformat(nearest[0])
    free = {"booking_date": at.date().isoformat(), "time_slot": at.strftime("%H:%M")}
    other.book(chef_id=asha, **free)


def test_without_a_name_the_next_chef_comes_and_when_none_is_free_it_is_said(system: System, client: Client):
    slot = system.slot()
    client.book(**slot)
    second, third = system.sign_in(), system.sign_in()
    assert second.book(**slot)["chef_id"] == chef(system, "ravi")
    answer = third.post("/customer/bookings", third.booking_body(**slot))
    assert (answer.status_code, answer.json()["code"]) == (409, "no_chef_free")


def test_a_chef_who_is_none_is_not_free(system: System, client: Client):
    for not_a_chef in (UNKNOWN_ID, chef(system, "meera")):
        answer = client.post("/customer/bookings", client.booking_body(chef_id=not_a_chef))
        assert (answer.status_code, answer.json()["nearest"]) == (409, [])


def test_a_fourth_unpaid_booking_waits_for_the_others(client: Client):
    for _ in range(3):
        client.book()
    answer = client.post("/customer/bookings", client.booking_body())
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_unpaid")


def test_a_visit_starts_two_hours_ahead_at_the_earliest(client: Client):
    soon = datetime.fromisoformat(client.book()["created_at"]) + timedelta(hours=5, minutes=30 + 89)
    at = {"booking_date": soon.date().isoformat(), "time_slot": f"{soon:%H}:{'30' if soon.minute >= 30 else '00'}"}
    answer = client.post("/customer/bookings", client.booking_body(**at))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "time_slot")


def test_other_peoples_bookings_are_not_there(system: System, client: Client):
    theirs = system.sign_in().book()["id"]
    for booking_id in (theirs, UNKNOWN_ID):
        answer = client.get(f"/customer/bookings/{booking_id}")
        assert (answer.status_code, answer.json()["code"]) == (404, "booking_not_found")


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_pages_neither_repeat_nor_lose_a_booking_while_others_are_added(system: System, client: Client):
    made = []
    for _ in range(3):
        made.append(client.book()["id"])
        system.sql("update bookings set payment_status = 'success', status = 'confirmed' where id = :id", id=made[-1])
    page = client.get("/customer/bookings?limit=2").json()
    seen = [item["id"] for item in page["items"]]
    client.book()
    page = client.get(f"/customer/bookings?limit=2&cursor={page['next_cursor']}").json()
    assert seen + [item["id"] for item in page["items"]] == made[::-1]
    assert page["next_cursor"] is None


def crafted(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "limit=1.5",
        "limit=-1",
        "cursor=x",
        "cursor=%00",
        "cursor=" + "A" * 201,
        "cursor=é",
        "offset=2",
        f"cursor={crafted('2026-01-01T00:00:00', UNKNOWN_ID)}",
        f"cursor={crafted('2026-01-01T00:00:00+00:00', 'x')}",
        f"cursor={crafted('2026-01-01T00:00:00+00:00', 5)}",
        f"cursor={crafted(5, UNKNOWN_ID)}",
        f"cursor={crafted()}",
        f"cursor={base64.urlsafe_b64encode(b'[' * 100).decode()}",
    ],
)
def test_what_is_no_page_of_this_list_is_refused(client: Client, query: str):
    answer = client.get(f"/customer/bookings?{query}")
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"].startswith("query.")


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-01T00:00:00+23:00"])
def test_a_position_at_the_end_of_time_breaks_nothing(client: Client, at: str):
    """Fails when a position is handed on as it was written: some of them have no instant in UTC."""
    assert client.get(f"/customer/bookings?cursor={crafted(at, UNKNOWN_ID)}").status_code in {200, 422}


def test_the_same_key_and_body_get_the_same_answer(client: Client):
    body = client.booking_body()
    first, second = (client.post("/customer/bookings", body, Idempotency_Key="a key") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert len(client.get("/customer/bookings").json()["items"]) == 1


def test_the_same_key_at_the_same_time_books_once(client: Client):
    body = client.booking_body()
    with ThreadPoolExecutor(5) as threads:
        answers = list(
            threads.map(lambda _: client.post("/customer/bookings", body, Idempotency_Key="at once"), range(5))
        )
    assert {answer.status_code for answer in answers} <= {201, 409}
    booked = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    assert len(set(booked)) == 1
    assert len(client.get("/customer/bookings").json()["items"]) == 1


def test_a_key_belongs_to_one_body_one_person_and_one_route(system: System, client: Client):
    body = client.booking_body()
    client.post("/customer/bookings", body, Idempotency_Key="mine")
    other = client.post("/customer/bookings", body | {"guest_count": 5}, Idempotency_Key="mine")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert client.post("/customer/quotes", client.booking_body(), Idempotency_Key="mine").status_code == 201
    stranger = system.sign_in()
    assert stranger.post("/customer/bookings", stranger.booking_body(), Idempotency_Key="mine").status_code == 201


def test_a_refusal_is_not_kept_under_its_key(client: Client):
    body = client.booking_body()
    refused = client.post("/customer/bookings", body | {"booking_date": day(90)}, Idempotency_Key="again")
    assert refused.status_code == 422
    assert client.post("/customer/bookings", body, Idempotency_Key="again").status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_a_key_is_short_and_printable(client: Client, key: str):
    answer = client.post("/customer/bookings", client.booking_body(), Idempotency_Key=key)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "header.Idempotency-Key")


def test_six_requests_for_one_chefs_hour_book_it_once(system: System):
    slot, asha = system.slot(), chef(system, "asha")
    people = [system.sign_in() for _ in range(6)]
    bodies = [person.booking_body(chef_id=asha, **slot) for person in people]
    with ThreadPoolExecutor(6) as threads:
        answers = list(
            threads.map(lambda pair: pair[0].post("/customer/bookings", pair[1]), zip(people, bodies, strict=True))
        )
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 5]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"chef_unavailable"}
    assert UUID(next(answer.json()["id"] for answer in answers if answer.status_code == 201))
