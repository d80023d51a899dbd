"""A customer's own profile over HTTP."""

import pytest

from tests.system import Client, System, day


@pytest.fixture
def client(system: System) -> Client:
    return system.sign_in()


def test_a_new_customer_is_an_address_and_a_role(client: Client):
    profile = client.get("/customer/profile").json()
    assert profile.pop("id")
    assert profile == {
        "name": None,
        "email": client.email,
        "phone": None,
        "dob": None,
        "avatar_url": None,
        "role": "customer",
    }


def test_absent_stays_and_null_clears(client: Client):
    fields = {
        "name": " Meera  Shah ",
        "phone": "+91 98765-43210",
        "dob": "1990-02-28",
        "avatar_url": "https://x.example/a.png",
    }
    kept = fields | {"name": "Meera  Shah", "phone": "+919876543210"}
    assert client.put("/customer/profile", fields).status_code == 200
    assert client.put("/customer/profile", {}).json().items() >= kept.items()
    cleared = client.put("/customer/profile", {"name": None, "dob": None}).json()
    assert cleared.items() >= (kept | {"name": None, "dob": None}).items()
    assert client.put("/customer/profile", {"phone": None, "avatar_url": None}).json()["avatar_url"] is None
    assert client.get("/customer/profile").json()["phone"] is None


@pytest.mark.parametrize("field", ["email", "role", "id", "is_active", "phone_verified_at", "nonsense"])
def test_what_is_not_a_persons_to_change_is_refused_and_named(client: Client, field: str):
    answer = client.put("/customer/profile", {"name": "Meera", field: "x@y.example"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    assert client.get("/customer/profile").json()["name"] is None


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "   "},
        {"name": "x" * 101},
        {"name": 5},
        {"name": "a\x00b"},
        {"phone": "12"},
        {"phone": "98765432101234567"},
        {"phone": "98765abcde"},
        {"phone": 9876543210},
        {"phone": "٩٨٧٦٥٤٣٢١٠"},
        {"dob": "31-12-1990"},
        {"dob": "1990-02-30"},
        {"dob": "1899-12-31"},
        {"dob": 0},
        {"dob": day(2)},
        {"avatar_url": "javascript:alert(1)"},
        {"avatar_url": "not a url"},
        {"avatar_url": "https://user:password@x.example/a.png"},
        {"avatar_url": "https://user@x.example/a.png"},
        {"avatar_url": "https://:password@x.example/a.png"},
        {"avatar_url": "https://x.example/" + "a" * 500},
    ],
)
def test_what_is_not_shaped_as_documented_is_refused_by_its_field(client: Client, fields: dict[str, object]):
    answer = client.put("/customer/profile", fields)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == list(fields)


@pytest.mark.parametrize("name", ["மீரா", "🍲 Chef", "O'Brien; drop table users", "<script>", "x" * 100, "é" * 100])
def test_a_name_is_given_back_as_it_was_written(client: Client, name: str):
    assert client.put("/customer/profile", {"name": name}).json()["name"] == name
    assert client.get("/customer/profile").json()["name"] == name


def test_a_profiles_phone_may_repeat_and_is_never_verified(system: System, client: Client):
    other = system.sign_in()
    for each in (client, other):
        assert each.put("/customer/profile", {"phone": "+911234567890"}).status_code == 200
    verified = system.sql("select phone_verified_at from users where phone = '+911234567890'")
    assert verified == [[None], [None]]


def test_a_verified_phone_that_changes_is_no_longer_verified(system: System, client: Client):
    client.put("/customer/profile", {"phone": "+912222222222"})
    system.sql("update users set phone_verified_at = now() where email = :email", email=client.email)
    find = "select phone_verified_at is not null from users where email = :email"
    client.put("/customer/profile", {"phone": "+91 2222 222222"})
    assert system.sql(find, email=client.email) == [[True]]
    client.put("/customer/profile", {"phone": "+913333333333"})
    assert system.sql(find, email=client.email) == [[False]]
