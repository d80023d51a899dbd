"""Tokens that are no good, on every function: each is refused as unknown, whatever else the request says."""

import hmac
import json
import re
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from tests.http.bad_input import Operation, operations
from tests.http.forged_tokens import Forge, forged, of_nobody, segment
from tests.system import Client, System

NOBODYS = "5f2c1f6e-6a0c-4d1e-9a51-7f0c7b1d2e30"
SIGNED_IN = [one for one in operations() if not one.is_open]
# One operation of each function a person may call, with what it answers to a good token.
ONE_OF_EACH = {
    "customer": ("GET", "/api/v1/customer/profile", 200),
    "chef": ("GET", "/api/v1/chef/profile", 200),
    "payments": ("GET", "/api/v1/payments/status/NOBODYS", 404),
    "auth": ("POST", "/api/v1/auth/logout", 204),
}
PLATFORM = {"tasks": f"/outbox/{NOBODYS}", "schedule": "/jobs/nonsense", "migrate": "/migrations/upgrade"}
EACH = pytest.mark.parametrize("function", ONE_OF_EACH)
EVERY = pytest.mark.parametrize("operation", SIGNED_IN, ids=str)


@pytest.fixture(scope="module")
def client(system: System) -> Client:
    return system.sign_in()


@pytest.fixture(scope="module")
def other_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def wrong(answer: requests.Response, status: int, code: str) -> str | None:
    """Tell in what an answer is not this refusal; None when it is."""
    said = f"{answer.status_code} {answer.text[:200]}"
    if answer.status_code != status or answer.headers["Content-Type"] != "application/problem+json":
        return said
    if status == 401 and not answer.headers.get("WWW-Authenticate", "").startswith("Bearer"):
        return f"without WWW-Authenticate: {said}"
    return None if answer.json()["code"] == code else said


def person(system: System, function: str, client: Client) -> Client:
    return system.demo("asha") if function == "chef" else client


def ask(system: System, function: str, token: str) -> requests.Response:
    method, path, _ = ONE_OF_EACH[function]
    return system.ask(function, method, path, headers={"Authorization": f"Bearer {token}".encode()})


@EACH
def test_a_token_that_is_wrong_in_one_thing_is_refused(
    system: System, client: Client, other_key: RSAPrivateKey, function: str
):
    """That the forge's own token is taken shows that the one thing is the reason.

    Fails with `options={"require": CLAIMS}`, `audience`, `issuer`, or the check of `typ` taken out of
    `AccessTokens.read`, and with `algorithms` widened to what the header says.
    """
    who, other = person(system, function, client), system.demo("meera")
    complaints, tokens = [], list(forged(Forge.of(who), other, other_key))
    if function != "auth":  # to sign out whom the database does not know changes nothing
        tokens += of_nobody(Forge.of(who), other)
    for name, token in tokens:
        complaint = wrong(ask(system, function, token), 401, "invalid_token")
        complaints += [f"{name}: {complaint}"] if complaint else []
    assert complaints == []
    good = system.sign_in() if function == "auth" else who
    forge = Forge.of(good)
    assert ask(system, function, forge.by_hand(forge.header)).status_code == ONE_OF_EACH[function][2]


@EACH
def test_a_refresh_token_opens_nothing(system: System, client: Client, function: str):
    token = person(system, function, client).tokens["refresh_token"]
    assert wrong(ask(system, function, token), 401, "invalid_token") is None


@pytest.mark.parametrize(
    "change",
    [
        "update sessions set ended_at = now() where user_id = :id",
        "update sessions set expires_at = now() where user_id = :id",
        "delete from sessions where user_id = :id",
        "update users set is_active = false where id = :id",
    ],
)
def test_a_token_of_a_session_that_ended_or_is_gone_opens_nothing(system: System, change: str):
    """Fails with the condition taken out of the statement that tells who is calling."""
    gone = system.sign_in()
    claims = Forge.of(gone).claims
    system.sql(change, id=claims["sub"])
    for function in ("customer", "payments"):
        assert wrong(ask(system, function, gone.tokens["access_token"]), 401, "invalid_token") is None


def test_a_chef_whose_session_ended_is_out_at_once(system: System):
    gone = system.sign_in()
    system.sql("update users set role = 'chef' where email = :email", email=gone.email)
    system.sql("insert into chef_profiles (user_id) select id from users where email = :email", email=gone.email)
    assert ask(system, "chef", gone.tokens["access_token"]).status_code == 200
    assert gone.post("/auth/logout", {}).status_code == 204
    assert wrong(ask(system, "chef", gone.tokens["access_token"]), 401, "invalid_token") is None


def path_of(operation: Operation) -> str:
    return re.sub(r"{\w+}", NOBODYS, operation.path)


@EVERY
def test_without_a_token_no_operation_answers_and_none_looks_at_the_rest(
    system: System, client: Client, operation: Operation
):
    """Fails when a handler or the body comes first: it would tell a stranger what is there."""
    token = client.tokens["access_token"]
    path, complaints = path_of(operation), []
    for name, headers, query in (
        ("nothing", {}, ""),
        ("garbage", {"Authorization": "Bearer x"}, ""),
        ("garbage of three parts", {"Authorization": "Bearer a.b.c"}, ""),
        ("a word and no token", {"Authorization": "Bearer"}, ""),
        ("another scheme", {"Authorization": f"Basic {token}"}, ""),
        ("no scheme", {"Authorization": token}, ""),
        ("two tokens", {"Authorization": f"Bearer {token}, Bearer {token}"}, ""),
        ("in the address", {}, f"?access_token={token}&token={token}"),
        ("in a cookie", {"Cookie": f"access_token={token}; token={token}; Authorization=Bearer {token}"}, ""),
        ("in other headers", {"X-Authorization": f"Bearer {token}", "X-Access-Token": token}, ""),
    ):
        for body in (None, b"{"):
            answer = system.ask(operation.function, operation.method, path + query, data=body, headers=headers)
            complaint = wrong(answer, 401, "invalid_token")
            complaints += [f"{name}: {complaint}"] if complaint else []
    assert complaints == []


@EVERY
def test_another_role_is_forbidden_before_the_body_is_read(system: System, client: Client, operation: Operation):
    """Also when the token says the role the operation is for: what counts is what the database says."""
    intruder = client if operation.function == "chef" else system.demo("asha")
    forge = Forge.of(intruder)
    theirs = "chef" if operation.function == "chef" else "customer"
    complaints = []
    for token in (intruder.tokens["access_token"], forge.saying(role=theirs), forge.saying(role="admin")):
        body = b"{" if token == intruder.tokens["access_token"] else json.dumps(operation.example or {}).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        answer = system.ask(operation.function, operation.method, path_of(operation), data=body, headers=headers)
        complaint = wrong(answer, 403, "forbidden")
        complaints += [complaint] if complaint else []
    admin = {"Authorization": f"Bearer {system.demo('admin').tokens['access_token']}"}
    answer = system.ask(operation.function, operation.method, path_of(operation), data=b"{", headers=admin)
    assert [*complaints, wrong(answer, 403, "forbidden")] == [None]


@pytest.fixture(scope="module")
def issuer(system: System) -> Callable[..., str]:
    """Sign as the platform does, with its own key unless told otherwise."""
    pem = (system.data / "metadata" / "issuer-key.pem").read_bytes()
    own = serialization.load_pem_private_key(pem, password=None)
    jwks = system.http.get(system.env["OIDC_JWKS_URL"], timeout=10).json()
    kid = jwks["keys"][0]["kid"]

    def sign(function: str, key: Any = own, algorithm: str = "RS256", without: str = "", **changes: Any) -> str:
        now = int(time.time())
        names = {"aud": system.env[f"{function.upper()}_URL"], "email": system.env[f"{function.upper()}_INVOKER"]}
        headers = {"kid": changes.pop("kid", kid)}
        claims = {"iss": system.env["OIDC_ISSUER"], "email_verified": True, "iat": now, "exp": now + 60, **names}
        kept = {name: value for name, value in (claims | changes).items() if name != without}
        return jwt.encode(kept, key, algorithm, headers=headers)

    return sign


def confused(system: System, token: str) -> str:
    """Sign a token's claims again with the issuer's public key, as if that were a shared secret."""
    pem = (system.data / "metadata" / "issuer-key.pem").read_bytes()
    public = serialization.load_pem_private_key(pem, password=None).public_key()
    secret = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    body = f"{segment(jwt.get_unverified_header(token) | {'alg': 'HS256'})}.{token.split('.')[1]}"
    return f"{body}.{segment(hmac.digest(secret, body.encode(), 'sha256'))}"


@pytest.mark.parametrize("function", PLATFORM)
def test_a_function_of_the_platform_takes_no_token_that_is_wrong_in_one_thing(
    system: System, client: Client, issuer: Callable[..., str], other_key: RSAPrivateKey, function: str
):
    tokens = {
        "unsigned": issuer(function, key=None, algorithm="none"),
        "by another key": issuer(function, key=other_key),
        "by a key nobody knows": issuer(function, key=other_key, kid="other"),
        "HS256 by the key everybody knows": confused(system, issuer(function)),
        "RS512": issuer(function, algorithm="RS512"),
        "PS256": issuer(function, algorithm="PS256"),
        "expired": issuer(function, exp=int(time.time()) - 60),
        "from the future": issuer(function, iat=int(time.time()) + 3_600),
        "of another issuer": issuer(function, iss="https://accounts.google.com"),
        "for another function": issuer(function, aud=system.url),
        "of somebody else": issuer(function, email="somebody@local.iam.gserviceaccount.com"),
        "not verified": issuer(function, email_verified=False),
        "a person's": client.tokens["access_token"],
        "a person's to refresh": client.tokens["refresh_token"],
        **{
            f"without {claim}": issuer(function, without=claim)
            for claim in ("iss", "aud", "email", "email_verified", "iat", "exp")
        },
    }
    path, complaints = PLATFORM[function], []
    for name, token in tokens.items():
        answer = system.ask(function, "POST", path, headers={"Authorization": f"Bearer {token}"})
        complaint = wrong(answer, 401, "unknown_invoker")
        complaints += [f"{name}: {complaint}"] if complaint else []
    assert complaints == []
    good = system.ask(function, "POST", path, headers={"Authorization": f"Bearer {issuer(function)}"})
    assert good.status_code in {200, 404}
