"""Sessions over HTTP: refresh, replay, logout and forged tokens."""

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from tests.system import Client, System


@pytest.fixture
def client(system: System) -> Client:
    return system.sign_in()


def refresh(client: Client, token: str | None = None):
    body = {"refresh_token": token or client.tokens["refresh_token"]}
    return client.system.http.post(f"{client.system.api}/auth/refresh", json=body, timeout=10)


def logout(client: Client, body: object = None, **headers: str):
    return client.system.http.post(f"{client.system.api}/auth/logout", json=body, headers=headers, timeout=10)


def status(client: Client, token: str | None = None) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return client.get("/customer/profile", **headers).status_code


def session_of(client: Client) -> str:
    return jwt.decode(client.tokens["access_token"], options={"verify_signature": False})["sid"]


def test_a_refresh_token_is_exchanged_for_its_successor(client: Client):
    answer = refresh(client)
    assert answer.status_code == 200
    assert answer.json()["refresh_token"] != client.tokens["refresh_token"]
    assert answer.json()["is_new_user"] is False
    assert status(client, answer.json()["access_token"]) == 200


def test_a_lost_answer_is_given_again_with_the_same_successor(client: Client):
    first, second = refresh(client), refresh(client)
    assert second.status_code == 200
    assert first.json()["refresh_token"] == second.json()["refresh_token"]


def test_refreshing_at_the_same_time_gives_everybody_the_same_successor(client: Client):
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: refresh(client), range(6)))
    assert [answer.status_code for answer in answers] == [200] * 6
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1


def test_after_the_grace_a_predecessor_ends_the_whole_family(client: Client):
    successor = refresh(client).json()
    client.system.sql(
        "update sessions set rotated_at = rotated_at - interval '11 seconds' where id = :id", id=session_of(client)
    )
    assert refresh(client).json()["code"] == "invalid_refresh_token"
    assert refresh(client, successor["refresh_token"]).status_code == 401
    assert status(client, successor["access_token"]) == 401


def test_an_older_token_ends_the_family_at_once(client: Client):
    second = refresh(client).json()["refresh_token"]
    third = refresh(client, second).json()
    assert refresh(client).status_code == 401
    assert refresh(client, third["refresh_token"]).status_code == 401
    assert status(client, third["access_token"]) == 401


@pytest.mark.parametrize("token", ["x", "é", "A" * 75, "", "a" * 513, "a\x00b", 5, None])
def test_what_is_no_refresh_token_is_refused(client: Client, token: object):
    answer = client.system.http.post(f"{client.system.api}/auth/refresh", json={"refresh_token": token}, timeout=10)
    assert answer.status_code in {401, 422}


def test_a_refresh_token_with_one_bit_changed_is_refused(client: Client):
    raw = bytearray(base64.urlsafe_b64decode(client.tokens["refresh_token"] + "=="))
    for place in (0, 19, 51):
        changed = bytes(byte ^ (place == at) for at, byte in enumerate(raw))
        assert refresh(client, base64.urlsafe_b64encode(changed).decode().rstrip("=")).status_code == 401
    assert refresh(client).status_code == 200


def test_logout_by_refresh_token_ends_the_session_at_once(client: Client):
    assert logout(client, {"refresh_token": client.tokens["refresh_token"]}).status_code == 204
    assert status(client) == 401
    assert refresh(client).status_code == 401


def test_logout_by_access_token_ends_the_session_at_once(client: Client):
    answer = logout(client, {}, Authorization=f"Bearer {client.tokens['access_token']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert status(client) == 401


def test_logout_needs_no_body(client: Client):
    assert logout(client, None, Authorization=f"Bearer {client.tokens['access_token']}").status_code == 204
    assert status(client) == 401


def test_logout_of_nobody_is_refused(client: Client):
    assert logout(client, {}).status_code == 401


def test_logout_ends_one_device_only(system: System, client: Client):
    other = system.demo("meera")
    logout(client, {"refresh_token": client.tokens["refresh_token"]})
    assert status(other) == 200


def forged(client: Client, **changes: object) -> str:
    """Return the client's own token signed again with the right key, and something changed."""
    key_id, _, secret = client.system.env["JWT_KEYS"].partition(":")
    claims = jwt.decode(client.tokens["access_token"], options={"verify_signature": False}) | changes
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, secret, "HS256", headers={"kid": key_id, "typ": "at+jwt"})


def test_a_token_signed_again_unchanged_is_good(client: Client):
    """What the next tests change is the only reason they are refused."""
    assert status(client, forged(client)) == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": datetime.now(UTC) - timedelta(seconds=1)},
        {"exp": None},
        {"iss": "other"},
        {"aud": "other"},
        {"typ": "refresh"},
        {"sid": "5f2c1f6e-6a0c-4d1e-9a51-7f0c7b1d2e30"},
        {"sub": "5f2c1f6e-6a0c-4d1e-9a51-7f0c7b1d2e30"},
        {"sub": "not-a-uuid"},
        {"sid": None},
        {"jti": None},
        {"iat": datetime.now(UTC) + timedelta(hours=1)},
    ],
)
def test_a_token_that_says_something_else_is_refused(client: Client, changes: dict[str, object]):
    answer = client.get("/customer/profile", Authorization=f"Bearer {forged(client, **changes)}")
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_without_or_with_another_signature_is_refused(client: Client):
    header, claims, signature = client.tokens["access_token"].split(".")
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "at+jwt", "kid": "local"}).encode())
    unsigned = f"{none.decode().rstrip('=')}.{claims}."
    flipped = f"{header}.{claims}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
    other_key = jwt.encode({"sub": "x"}, "k" * 32, "HS256", headers={"kid": "local", "typ": "at+jwt"})
    unknown_kid = jwt.encode({"sub": "x"}, "k" * 32, "HS256", headers={"kid": "other", "typ": "at+jwt"})
    for token in (unsigned, flipped, other_key, unknown_kid, f"{header}.{claims}", client.tokens["refresh_token"]):
        assert status(client, token) == 401


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Token x", "Bearer a b", "Bearer é"])
def test_a_header_without_a_token_is_refused(client: Client, header: str):
    assert client.get("/customer/profile", Authorization=header.encode("latin-1")).status_code == 401  # type: ignore[arg-type]


def test_a_deactivated_user_is_out_at_once(client: Client):
    client.system.sql("update users set is_active = false where email = :email", email=client.email)
    assert status(client) == 401
    assert refresh(client).status_code == 401


def test_an_expired_session_is_out_whatever_its_token_says(client: Client):
    client.system.sql("update sessions set expires_at = now() where id = :id", id=session_of(client))
    time.sleep(0.01)
    assert status(client) == 401
    assert refresh(client).status_code == 401


def test_a_changed_role_counts_at_once(client: Client):
    client.system.sql("update users set role = 'chef' where email = :email", email=client.email)
    profile = (
        "insert into providers (user_id, line, rate) select id, 'home_chef', 39900 from users where email = :email"
    )
    client.system.sql(profile, email=client.email)
    answer = client.get("/customer/profile")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert client.get("/chef/profile").status_code == 200


def test_another_roles_paths_are_forbidden(system: System, client: Client):
    assert client.get("/chef/profile").status_code == 403
    assert system.demo("asha").get("/customer/profile").status_code == 403
    assert system.demo("asha").post("/payments/initiate", {}).status_code == 403
