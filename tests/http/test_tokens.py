"""Invalid tokens are refused with 401 by every function, whatever else the request contains."""

import hmac
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from shared.users.models import CUSTOMER
from tests.http.forged_tokens import Forge, forged, of_nobody, segment
from tests.http.guests import EVERY, UNKNOWN_ID, Complaints, Guests, wrong
from tests.system import Client, System

# One operation of each function that reads a person's token, with who sends it.
ONE_OF_EACH = {one.function: one for one in reversed(EVERY) if one.role and one.method == "GET"}
ONE_OF_EACH |= {one.function: one for one in EVERY if str(one) == "POST /auth/logout"}
PLATFORM = {"tasks": f"/outbox/{UNKNOWN_ID}", "schedule": "/jobs/nonsense", "migrate": "/migrations/upgrade"}
EACH = pytest.mark.parametrize("function", ONE_OF_EACH)


@pytest.fixture(scope="module")
def other_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def client(people: dict[str, Client]) -> Client:
    return people[CUSTOMER]


def call(guests: Guests, function: str, token: str) -> requests.Response:
    return guests.send(ONE_OF_EACH[function], Authorization=f"Bearer {token}")


@EACH
def test_a_token_that_is_wrong_in_one_thing_is_refused(
    system: System, guests: Guests, other_key: RSAPrivateKey, function: str
):
    """That the forge's own token is taken shows that the one thing is the reason.

    Fails with `options={"require": CLAIMS}`, `audience`, `issuer`, or the check of `typ` taken out of
    `AccessTokens.read`, and with `algorithms` widened to what the header says.
    """
    who, other = guests.people[ONE_OF_EACH[function].role or CUSTOMER], system.demo("meera")
    complaints, tokens = Complaints(), list(forged(Forge.of(who), other, other_key))
    if function != "auth":  # logging out an unknown session changes nothing
        tokens += of_nobody(Forge.of(who), other)
    for name, token in tokens:
        complaints.about(name, wrong(call(guests, function, token), 401, "invalid_token"))
    assert complaints == []
    forge = Forge.of(system.sign_in() if function == "auth" else who)
    assert call(guests, function, forge.by_hand(forge.header)).status_code in {200, 204, 404}


@pytest.mark.parametrize(
    "change",
    [
        "update sessions set ended_at = now() where user_id = :id",
        "update sessions set expires_at = now() where user_id = :id",
        "delete from sessions where user_id = :id",
        "update users set is_active = false where id = :id",
    ],
)
def test_a_token_of_a_session_that_ended_or_is_gone_opens_nothing(system: System, guests: Guests, change: str):
    """Fails with the condition taken out of the statement that tells who is calling."""
    gone = system.sign_in()
    claims = Forge.of(gone).claims
    system.sql(change, id=claims["sub"])
    for function in ("customer", "payments"):
        assert wrong(call(guests, function, gone.tokens["access_token"]), 401, "invalid_token") is None


@pytest.fixture(scope="module")
def issuer(system: System) -> Callable[..., str]:
    """Return a signer of platform tokens, with the platform's key by default."""
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
        answer = system.call(function, "POST", path, headers={"Authorization": f"Bearer {token}"})
        complaint = wrong(answer, 401, "unknown_invoker")
        complaints += [f"{name}: {complaint}"] if complaint else []
    assert complaints == []
    good = system.call(function, "POST", path, headers={"Authorization": f"Bearer {issuer(function)}"})
    assert good.status_code in {200, 404}
