"""A customer's addresses over HTTP."""

import concurrent.futures

import pytest

from tests.system import Client, System

HOME = {"full_address": "12 Hill Road", "city": "Mumbai", "pincode": "400050"}
UNKNOWN_ID = "5f2c1f6e-6a0c-4d1e-9a51-7f0c7b1d2e30"


@pytest.fixture
def client(system: System) -> Client:
    return system.sign_in()


def listed(client: Client) -> list[dict[str, object]]:
    return client.get("/customer/addresses").json()["items"]


def default(client: Client) -> list[object]:
    return [address["id"] for address in listed(client) if address["is_default"]]


def test_the_first_address_is_the_default_whatever_is_said(client: Client):
    first = client.address(is_default=False)
    client.address()
    assert default(client) == [first]


def test_there_is_one_default_and_it_can_be_taken(client: Client):
    first, second = client.address(), client.address(is_default=True)
    assert default(client) == [second]
    assert client.put(f"/customer/addresses/{first}", {"is_default": True}).json()["is_default"] is True
    assert default(client) == [first]
    assert client.put(f"/customer/addresses/{first}", {"is_default": True}).status_code == 200


def test_the_default_is_not_given_up_without_a_successor(client: Client):
    only = client.address()
    assert client.put(f"/customer/addresses/{only}", {"is_default": False}).status_code == 422
    assert default(client) == [only]


def test_when_the_default_is_removed_the_newest_left_takes_its_place(client: Client):
    first, _, newest = client.address(), client.address(), client.address()
    answer = client.delete(f"/customer/addresses/{first}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert default(client) == [newest]
    assert client.delete(f"/customer/addresses/{first}").status_code == 404


def test_many_defaults_at_once_leave_one(client: Client):
    with concurrent.futures.ThreadPoolExecutor(6) as threads:
        bodies = [HOME | {"is_default": True}] * 6
        statuses = list(threads.map(lambda body: client.post("/customer/addresses", body).status_code, bodies))
    assert statuses == [201] * 6
    assert len(default(client)) == 1


def test_an_address_is_shown_as_it_was_given(client: Client):
    fields = HOME | {"label": "Mother", "state": "Maharashtra", "latitude": 19.0596, "longitude": 72.8295}
    shown = client.post("/customer/addresses", fields).json()
    assert shown.items() >= fields.items()
    assert listed(client) == [shown]
    assert set(shown) - set(fields) == {"id", "is_default", "created_at"}


def test_a_change_leaves_what_it_does_not_name_and_null_clears(client: Client):
    address = client.address(state="Maharashtra", label="Work")
    shown = client.put(f"/customer/addresses/{address}", {"state": None, "pincode": "400051"}).json()
    assert (shown["state"], shown["pincode"], shown["label"]) == (None, "400051", "Work")
    assert shown["latitude"] == 19.0596
    cleared = client.put(f"/customer/addresses/{address}", {"latitude": None, "longitude": None}).json()
    assert (cleared["latitude"], cleared["longitude"]) == (None, None)
    assert listed(client) == [cleared]


@pytest.mark.parametrize(
    "fields",
    [
        {"pincode": "012345"},
        {"pincode": "40005"},
        {"pincode": "4000500"},
        {"pincode": "400050\n"},
        {"pincode": 400050},
        {"city": ""},
        {"full_address": " "},
        {"full_address": "x" * 501},
        {"full_address": "a\x00b"},
        {"latitude": 91, "longitude": 0},
        {"latitude": 0, "longitude": 181},
        {"latitude": "19", "longitude": "72"},
        {"latitude": 19.0},
        {"longitude": 72.0},
        {"label": None},
        {"user_id": UNKNOWN_ID},
    ],
)
def test_what_is_not_an_address_is_refused_when_added_and_when_changed(client: Client, fields: dict[str, object]):
    kept = client.address(latitude=None, longitude=None)
    assert client.post("/customer/addresses", HOME | fields).status_code == 422
    assert client.put(f"/customer/addresses/{kept}", fields).status_code == 422
    assert len(listed(client)) == 1


@pytest.mark.parametrize("fields", [{"latitude": None}, {"longitude": None}, {"latitude": 18.9}, {"longitude": 72.8}])
def test_coordinates_change_together_or_not_at_all(client: Client, fields: dict[str, object]):
    """Fails when only the values are compared: null for one of them looks like neither was sent."""
    address = client.address()
    answer = client.put(f"/customer/addresses/{address}", fields)
    assert answer.status_code == 422
    assert "together" in answer.text


@pytest.mark.parametrize("name", ["full_address", "city", "pincode"])
def test_what_is_missing_is_named(client: Client, name: str):
    answer = client.post("/customer/addresses", {key: HOME[key] for key in HOME if key != name})
    assert [error["field"] for error in answer.json()["errors"]] == [name]


def test_other_peoples_addresses_are_not_there(system: System, client: Client):
    theirs = system.sign_in().address()
    for path in (theirs, UNKNOWN_ID):
        put = client.put(f"/customer/addresses/{path}", {"label": "Mine"})
        assert (put.status_code, put.json()["code"]) == (404, "address_not_found")
        assert client.delete(f"/customer/addresses/{path}").status_code == 404
    assert listed(client) == []
    answer = client.post("/customer/bookings", system.slot() | {"address_id": theirs})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "address_id")


def test_a_booking_keeps_its_copy_of_an_address_that_changes_and_goes(client: Client):
    booking = client.book()
    address = listed(client)[0]["id"]
    client.put(f"/customer/addresses/{address}", {"full_address": "elsewhere"})
    assert client.delete(f"/customer/addresses/{address}").status_code == 204
    assert client.booking(booking["id"])["address"]["full_address"] == "12 Hill Road"


def test_addresses_come_newest_first_page_by_page(client: Client):
    made = [client.address() for _ in range(5)]
    first = client.get("/customer/addresses?limit=2").json()
    client.address()
    second = client.get(f"/customer/addresses?limit=2&cursor={first['next_cursor']}").json()
    third = client.get(f"/customer/addresses?limit=2&cursor={second['next_cursor']}").json()
    ids = [item["id"] for page in (first, second, third) for item in page["items"]]
    assert ids == made[::-1]
    assert third["next_cursor"] is None


def test_an_idempotency_key_adds_an_address_once(client: Client):
    first, second = (client.post("/customer/addresses", HOME, Idempotency_Key="once") for _ in range(2))
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert len(listed(client)) == 1
    other = client.post("/customer/addresses", HOME | {"label": "Work"}, Idempotency_Key="once")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("path", ["x", "5f2c1f6e6a0c4d1e9a517f0c7b1d2e30", UNKNOWN_ID + "x", "%00", "1 or 1=1"])
def test_a_path_that_is_no_uuid_says_so(client: Client, path: str):
    answer = client.put(f"/customer/addresses/{path}", {})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "path.address_id")
