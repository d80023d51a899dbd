"""Concurrent guesses, codes and refresh tokens, through the real server and the real store.

Each test was seen to fail without its protection, which its docstring names.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jwt
import pytest
import requests

from infra.redis import UpstashRedis
from shared.kit.settings import Keys
from shared.sign_in.otp import TRIES, OneTimeCodes
from tests.races.crowd import at_once
from tests.system import Client, System, new_client_header

GUESSES = 50
AuthCall = Callable[..., Callable[[], requests.Response]]


@pytest.fixture
def codes(system: System) -> Iterator[OneTimeCodes]:
    """Yield the server's store of codes, through the same bridge."""
    redis = UpstashRedis(system.env["UPSTASH_REDIS_REST_URL"], system.env["UPSTASH_REDIS_REST_TOKEN"])
    yield OneTimeCodes(redis, Keys.parse(system.env["OTP_KEYS"]), 300, 300)
    redis.close()


@pytest.fixture
def auth_call(system: System) -> AuthCall:
    """Return a call of the auth function from a new client address: attackers do not share one."""

    def prepare(path: str, body: dict[str, str], headers: dict[str, str] | None = None) -> Any:
        return partial(
            system.call, "auth", "POST", f"/api/v1/auth/{path}", json=body, headers=headers or new_client_header()
        )

    return prepare


def address() -> str:
    return f"race{new_client_header()['X-Forwarded-For']}@test.example"


def code_for(system: System, auth_call: AuthCall, email: str) -> str:
    assert auth_call("send-otp", {"email": email})().status_code == 200
    return re.search(r"\b\d{6}\b", system.mails(email)[0]["text"])[0]  # type: ignore[index]


def sessions_of(system: System, email: str) -> list[list[Any]]:
    return system.sql(
        "select s.generation, s.end_reason from sessions s join users u on u.id = s.user_id where u.email = :email",
        email=email,
    )


def session_of(client: Client) -> str:
    return jwt.decode(client.tokens["access_token"], options={"verify_signature": False})["sid"]


def test_fifty_concurrent_guesses_count_five_tries(system: System, auth_call: AuthCall, codes: OneTimeCodes):
    """Fails when a try is counted after the comparison, in a separate call: all fifty are compared."""
    email = address()
    code = int(code_for(system, auth_call, email))
    guesses = [f"{(code + 1 + n) % 1_000_000:06d}" for n in range(GUESSES)]

    answers = at_once([auth_call("verify-otp", {"email": email, "otp": guess}) for guess in guesses])

    assert Counter(answer.status_code for answer in answers) == {401: GUESSES}
    assert len({answer.content for answer in answers}) == 1
    name = codes._hashed_identifier(email)
    assert codes.store.command("HGET", f"otp:code:{name}", "tries") == str(TRIES)  # type: ignore[attr-defined]
    assert codes.store.command("GET", f"otp:failed-day:{name}") == str(TRIES)  # type: ignore[attr-defined]
    assert auth_call("verify-otp", {"email": email, "otp": f"{code:06d}"})().status_code == 401
    assert sessions_of(system, email) == []
    again = code_for(system, auth_call, email)
    assert auth_call("verify-otp", {"email": email, "otp": again})().status_code == 200


@pytest.mark.parametrize("times", [2, 20])
def test_concurrent_correct_codes_make_one_session(system: System, auth_call: AuthCall, times: int):
    """Fails when the step that accepts the code does not delete it."""
    email = address()
    body = {"email": email, "otp": code_for(system, auth_call, email)}

    answers = at_once([auth_call("verify-otp", body) for _ in range(times)])

    assert Counter(answer.status_code for answer in answers) == {200: 1, 401: times - 1}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 401} == {"otp_invalid"}
    assert sessions_of(system, email) == [[0, None]]


def test_concurrent_sends_from_one_client_are_one_mail(system: System, auth_call: AuthCall):
    """Fails when one call of the store checks the limits and another counts."""
    email, client = address(), new_client_header()

    answers = at_once([auth_call("send-otp", {"email": email}, client) for _ in range(20)])

    assert Counter(answer.status_code for answer in answers) == {200: 1, 429: 19}
    assert all(1 <= int(answer.headers["Retry-After"]) <= 30 for answer in answers if answer.status_code == 429)
    assert len(system.mails(email)) == 1


@pytest.mark.parametrize("times", [2, 20])
def test_concurrent_refreshes_get_one_valid_successor(system: System, auth_call: AuthCall, times: int):
    """Fails without the grace period (the second ends the family), and when each rotation advances the family."""
    client = system.sign_in()
    body = {"refresh_token": client.tokens["refresh_token"]}

    answers = at_once([auth_call("refresh", body) for _ in range(times)])

    assert [answer.status_code for answer in answers] == [200] * times
    [successor] = {answer.json()["refresh_token"] for answer in answers}
    assert sessions_of(system, client.email) == [[1, None]]
    for answer in answers:
        client.tokens = answer.json()
        assert client.get("/customer/profile").status_code == 200
    assert auth_call("refresh", {"refresh_token": successor})().status_code == 200


def test_old_token_beside_fresh_one_ends_family(system: System, auth_call: AuthCall):
    """Fails when only the presented token is refused: a thief could keep rotating beside the owner."""
    client = system.sign_in()
    old = {"refresh_token": client.tokens["refresh_token"]}
    second = auth_call("refresh", old)().json()
    fresh = auth_call("refresh", {"refresh_token": second["refresh_token"]})().json()
    thieves = [auth_call("refresh", old) for _ in range(10)]
    owner = [auth_call("refresh", {"refresh_token": fresh["refresh_token"]}) for _ in range(10)]

    answers = at_once([*thieves, *owner])

    assert {answer.status_code for answer in answers[:10]} == {401}
    issued = [fresh, *(answer.json() for answer in answers[10:] if answer.status_code == 200)]
    for tokens in issued:
        assert auth_call("refresh", {"refresh_token": tokens["refresh_token"]})().status_code == 401
        client.tokens = tokens
        assert client.get("/customer/profile").status_code == 401
    [[_, reason]] = sessions_of(system, client.email)
    assert reason == "replayed"


def test_concurrent_sign_out_and_refreshes_end_session(system: System, auth_call: AuthCall):
    """Fails when a rotation writes the session as active (`ended_at = null`) without checking that it is."""
    client = system.sign_in()
    body = {"refresh_token": client.tokens["refresh_token"]}

    answers = at_once([*(auth_call("refresh", body) for _ in range(10)), auth_call("logout", body)])

    assert answers[-1].status_code == 204
    for answer in answers[:-1]:
        assert answer.status_code in {200, 401}
        if answer.status_code == 200:
            assert auth_call("refresh", {"refresh_token": answer.json()["refresh_token"]})().status_code == 401
    [[ended]] = system.sql("select ended_at is not null from sessions where id = :id", id=session_of(client))
    assert ended
    assert client.get("/customer/profile").status_code == 401
