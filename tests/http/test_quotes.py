"""Serviceability and quotes, over HTTP."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from tests.system import Client, System, day, new_client_header

BANDRA = {"latitude": 19.0596, "longitude": 72.8295}
DINNER = {"booking_date": day(50), "time_slot": "19:00", "duration_hours": 3, "guest_count": 8}


@pytest.fixture
def client(system: System) -> Client:
    return system.sign_in()


@pytest.fixture
def city(system: System) -> Callable[..., str]:
    """Make a city of the given pincodes (None: the whole city), all but those in `off` served."""

    def make(*pincodes: str | None, off: tuple[str | None, ...] = ()) -> str:
        name = f"City {new_client_header()['X-Forwarded-For']}"
        for pincode in pincodes:
            system.sql(
                "insert into locations (id, city, state, pincode, is_serviceable)"
                " values (gen_random_uuid(), :city, 'Goa', :pincode, :on)",
                city=name,
                pincode=pincode,
                on=pincode not in off,
            )
        return name

    return make


def served(client: Client, **place: object) -> tuple[bool, str]:
    answer = client.post("/customer/check-serviceability", place)
    assert answer.status_code == 200, answer.text
    return answer.json()["serviceable"], answer.json()["rule"]


def test_circles_decide_where_there_are_coordinates(client: Client):
    assert served(client, city="Mumbai", **BANDRA) == (True, "area")
    assert served(client, city=" mUmBaI ", **BANDRA) == (True, "area")
    assert served(client, city="Mumbai", latitude=19.25, longitude=72.83) == (False, "area")


def test_without_coordinates_the_city_decides(client: Client):
    assert served(client, city="Mumbai") == (True, "city")
    assert served(client, city="Atlantis", **BANDRA) == (False, "unknown_city")


def test_a_city_with_pincodes_is_served_there_only(client: Client, city: Callable[..., str]):
    name = city("403001", "403002", off=("403002",))
    assert served(client, city=name, pincode="403001") == (True, "pincode")
    assert served(client, city=name, pincode="403009") == (False, "pincode")
    assert served(client, city=name) == (False, "pincode")
    assert served(client, city=name, pincode="403002") == (False, "switched_off")


def test_a_switched_off_city_always_says_no(client: Client, city: Callable[..., str]):
    name = city(None, "403001", off=(None,))
    assert served(client, city=name, pincode="403001") == (False, "switched_off")


@pytest.mark.parametrize("place", [{}, {"city": "Mumbai", "latitude": 19.0}, {"city": "Mumbai", "pincode": "1"}])
def test_half_a_place_is_refused(client: Client, place: dict[str, object]):
    assert client.post("/customer/check-serviceability", place).status_code == 422


def test_the_dinner_party_costs_what_the_price_list_says_line_by_line(client: Client):
    quote = client.post("/customer/quotes", DINNER | {"address_id": client.address()})
    assert quote.status_code == 201
    lines = {
        "base": 1197,
        "guest_surcharge": 588,
        "peak_premium": 357,
        "subtotal": 2142,
        "platform_fee": 107.1,
        "gst": 112.46,
        "cgst": 56.23,
        "sgst": 56.23,
        "total": 2361.56,
    }
    assert quote.json()["breakdown"] == lines
    assert quote.json()["total"] == 2361.56
    assert '"total":2361.56' in quote.text


@pytest.mark.parametrize(
    ("fields", "total"),
    [
        ({"time_slot": "12:00", "duration_hours": 2, "guest_count": 2}, 879.80),
        ({"time_slot": "18:00", "duration_hours": 2, "guest_count": 4}, 1055.75),
        ({"time_slot": "20:30", "duration_hours": 2, "guest_count": 4}, 1055.75),
        ({"time_slot": "17:30", "duration_hours": 2, "guest_count": 4}, 879.80),
        ({"time_slot": "21:00", "duration_hours": 2, "guest_count": 4}, 879.80),
    ],
)
def test_the_evening_is_dearer_from_six_until_before_nine(client: Client, fields: dict[str, object], total: float):
    body = {"booking_date": day(50), "address_id": client.address()} | fields
    assert client.post("/customer/quotes", body).json()["total"] == total


def test_a_quote_is_kept_for_half_an_hour_and_charged_as_it_was_given(system: System, client: Client):
    quote = client.post("/customer/quotes", client.booking_body(special_requests="no nuts")).json()
    lives = datetime.fromisoformat(quote["expires_at"]) - datetime.now().astimezone()
    assert timedelta(minutes=29) < lives <= timedelta(minutes=30)
    system.sql("update providers set rate = rate + 10000 where is_verified")
    try:
        booking = client.book(quote_id=quote["id"])
    finally:
        system.sql("update providers set rate = rate - 10000 where is_verified")
    assert (booking["total"], booking["breakdown"]) == (quote["total"], quote["breakdown"])
    assert booking["special_requests"] == "no nuts"


def test_a_quote_is_used_once(client: Client):
    quote = client.post("/customer/quotes", client.booking_body()).json()
    booking = client.book(quote_id=quote["id"])
    again = client.post("/customer/bookings", {"quote_id": quote["id"]})
    assert (again.status_code, again.json()["code"]) == (409, "quote_gone")
    assert again.json()["booking_id"] == booking["id"]


def test_an_expired_quote_is_refused(system: System, client: Client):
    quote = client.post("/customer/quotes", client.booking_body()).json()["id"]
    system.sql("update home_chef_quotes set expires_at = now() where id = :id", id=quote)
    answer = client.post("/customer/bookings", {"quote_id": quote})
    assert (answer.status_code, answer.json()["code"]) == (409, "quote_gone")


def test_somebody_elses_quote_is_not_there(system: System, client: Client):
    other = system.sign_in()
    quote = other.post("/customer/quotes", other.booking_body()).json()["id"]
    answer = client.post("/customer/bookings", {"quote_id": quote})
    assert (answer.status_code, answer.json()["code"]) == (404, "quote_not_found")


def test_a_quote_names_the_visit_alone(client: Client):
    quote = client.post("/customer/quotes", client.booking_body()).json()["id"]
    assert client.post("/customer/bookings", {"quote_id": quote, "guest_count": 8}).status_code == 422


@pytest.mark.parametrize(
    "fields",
    [
        {"time_slot": "19:15"},
        {"time_slot": "7:00"},
        {"time_slot": "24:00"},
        {"time_slot": "19:00:00"},
        {"time_slot": 1900},
        {"duration_hours": 0},
        {"duration_hours": 9},
        {"duration_hours": 2.5},
        {"duration_hours": "2"},
        {"duration_hours": True},
        {"guest_count": 0},
        {"guest_count": 21},
        {"booking_date": day(-1)},
        {"booking_date": day(62)},
        {"booking_date": "2026-02-30"},
        {"booking_date": "9999-12-31", "time_slot": "23:30"},
        {"booking_date": "0001-01-01", "time_slot": "00:00"},
        {"special_requests": ""},
        {"special_requests": "x" * 1001},
        {"chef_id": "asha"},
        {"total": 1},
        {"hourly_rate": 100},
    ],
)
def test_what_cannot_be_a_visit_is_refused_by_quote_and_booking_alike(client: Client, fields: dict[str, object]):
    body = {"booking_date": day(50), "time_slot": "12:00", "address_id": client.address()} | fields
    for path in ("/customer/quotes", "/customer/bookings"):
        answer = client.post(path, body)
        assert answer.status_code == 422, answer.text
        assert {error["field"] for error in answer.json()["errors"]} <= {*fields, "booking_date", "time_slot"}


def test_a_whole_number_written_with_a_point_is_a_whole_number(client: Client):
    body = {"booking_date": day(50), "time_slot": "12:00", "address_id": client.address(), "duration_hours": 2.0}
    assert client.post("/customer/quotes", body).status_code == 201


def test_an_unserviceable_address_is_refused_with_the_rule(client: Client):
    far = client.address(latitude=28.6, longitude=77.2)
    answer = client.post("/customer/quotes", DINNER | {"address_id": far})
    assert (answer.status_code, answer.json()["code"], answer.json()["rule"]) == (409, "not_serviceable", "area")
