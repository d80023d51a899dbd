"""Verification of callers' tokens: invalid tokens, and keys that cannot be fetched."""

import base64
import hashlib
import hmac
import json
import logging
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from jwt.algorithms import RSAAlgorithm

from infra.google import IdentityUnavailable
from infra.google.invokers import InvalidInvoker, InvokerTokens
from infra.local.metadata import Metadata
from infra.outside import CalledInsideTransaction, transaction_open
from tests.google_servers import GoogleServers, Running

ISSUER = "https://accounts.google.test"
AUDIENCE = "https://tasks.test"
INVOKER = "invoker@test-project.iam.gserviceaccount.com"
KEY, OTHER_KEY = (generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))


class Keys:
    """An issuer's JWKS endpoint that counts requests; `status` simulates a failing issuer, `delay` (s) a slow one."""

    def __init__(self):
        self.status, self.calls, self.body, self.delay = 200, 0, {}, 0.0
        self.publish(k1=KEY)
        app = Flask(__name__)
        app.add_url_rule("/certs", view_func=self._answer, endpoint="certs")
        self.server = Running(app)
        self.url = f"{self.server.url}/certs"

    def publish(self, **keys):
        self.body = {
            "keys": [
                {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "alg": "RS256", "use": "sig"}
                for kid, key in keys.items()
            ]
        }

    def _answer(self):
        self.calls += 1
        time.sleep(self.delay)
        return self.body, self.status


@pytest.fixture
def keys():
    keys = Keys()
    yield keys
    keys.server.stop()


@pytest.fixture
def tokens(keys):
    return InvokerTokens(ISSUER, keys.url, AUDIENCE, frozenset({INVOKER}))


def token(*, key=KEY, algorithm="RS256", kid="k1", without=(), **claims):
    now = int(time.time())
    payload = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "1",
        "email": INVOKER,
        "email_verified": True,
        "iat": now,
        "exp": now + 3600,
    }
    payload = {name: value for name, value in {**payload, **claims}.items() if name not in without}
    return jwt.encode(payload, key, algorithm=algorithm, headers={"kid": kid} if kid else None)


def by_hand(header, signature):
    """Return the claims of a valid token under another header, which no library would create."""
    claims = token().split(".")[1]
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    signed = signature(f"{head}.{claims}".encode())
    return f"{head}.{claims}.{base64.urlsafe_b64encode(signed).rstrip(b'=').decode()}"


def hmac_with_public_key(message):
    """Return a token with algorithm confusion: signed with the public key as a shared secret."""
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return hmac.new(public, message, hashlib.sha256).digest()


def test_an_invoker_is_known_by_its_email(tokens):
    assert tokens.verify(token()) == INVOKER


def test_the_token_of_the_metadata_stand_in_is_taken(tmp_path):
    with GoogleServers(tmp_path) as google:
        tokens = InvokerTokens(google.issuer, google.jwks_url, AUDIENCE, frozenset({INVOKER}))
        assert tokens.verify(Metadata(google.metadata_host).id_token(AUDIENCE, INVOKER)) == INVOKER


@pytest.mark.parametrize(
    ("forged", "reason"),
    [
        pytest.param(lambda: token(aud="https://schedule.test"), "InvalidAudienceError", id="another audience"),
        pytest.param(lambda: token(aud=f"{AUDIENCE}/"), "InvalidAudienceError", id="almost the audience"),
        pytest.param(lambda: token(iss="https://accounts.google.com.evil"), "InvalidIssuerError", id="another issuer"),
        pytest.param(lambda: token(email="somebody@gmail.com"), "not one of the invokers", id="somebody else"),
        pytest.param(lambda: token(email=INVOKER.upper()), "not one of the invokers", id="almost the invoker"),
        pytest.param(lambda: token(email_verified=False), "not one of the invokers", id="an e-mail not verified"),
        pytest.param(
            lambda: token(email_verified="true"), "not one of the invokers", id="an e-mail verified in a word"
        ),
        pytest.param(
            lambda: token(without={"email_verified"}), "not one of the invokers", id="nothing said of verification"
        ),
        pytest.param(lambda: token(without={"email"}), "MissingRequiredClaimError", id="no e-mail"),
        pytest.param(lambda: token(exp=int(time.time()) - 60), "ExpiredSignatureError", id="expired"),
        pytest.param(lambda: token(without={"exp"}), "MissingRequiredClaimError", id="without an end"),
        pytest.param(lambda: token(without={"aud"}), "MissingRequiredClaimError", id="for nobody"),
        pytest.param(lambda: token(without={"iss"}), "MissingRequiredClaimError", id="from nobody"),
        pytest.param(lambda: token(iat=int(time.time()) + 600), "ImmatureSignatureError", id="from the future"),
        pytest.param(lambda: token(kid="k2"), "unknown key id", id="unknown key"),
        pytest.param(lambda: token(key=OTHER_KEY), "InvalidSignatureError", id="another key under the known id"),
        pytest.param(lambda: token()[:-6] + "AAAAAA", "InvalidSignatureError", id="another signature"),
        pytest.param(lambda: token().rpartition(".")[0] + ".", "InvalidSignatureError", id="no signature"),
    ],
)
def test_a_token_that_is_wrong_in_one_thing_is_refused(tokens, forged, reason):
    with pytest.raises(InvalidInvoker, match=reason):
        tokens.verify(forged())


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(lambda: by_hand({"alg": "none", "kid": "k1"}, lambda _: b""), id="alg none"),
        pytest.param(lambda: by_hand({"alg": "HS256", "kid": "k1"}, hmac_with_public_key), id="alg HS256"),
        pytest.param(lambda: token(algorithm="RS512"), id="alg RS512"),
        pytest.param(lambda: token(algorithm="PS256"), id="alg PS256"),
        pytest.param(lambda: token(kid=None), id="no key id"),
        pytest.param(lambda: "", id="nothing"),
        pytest.param(lambda: "a.b.c", id="no token"),
        pytest.param(lambda: "é" * 40, id="no ASCII"),
    ],
)
def test_a_token_of_another_kind_is_refused_before_any_key_is_asked_for(tokens, keys, forged):
    with pytest.raises(InvalidInvoker):
        tokens.verify(forged())
    assert keys.calls == 0


def test_clocks_may_differ_a_little(tokens):
    now = int(time.time())
    assert tokens.verify(token(iat=now + 5, exp=now - 5)) == INVOKER


def test_keys_are_fetched_once(tokens, keys):
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(lambda _: tokens.verify(token()), range(16))) == {INVOKER}
    assert keys.calls == 1


def test_unknown_keys_do_not_make_us_ask_again_and_again(tokens, keys):
    for number in range(20):
        with pytest.raises(InvalidInvoker):
            tokens.verify(token(kid=f"made-up-{number}"))
    assert keys.calls == 1


def test_a_new_key_of_the_issuer_is_found(tokens, keys):
    assert tokens.verify(token()) == INVOKER
    keys.publish(k1=KEY, k2=OTHER_KEY)
    tokens._keys.cooldown_duration = 0  # the half minute is over

    assert tokens.verify(token(key=OTHER_KEY, kid="k2")) == INVOKER
    assert keys.calls == 2


def test_known_keys_outlast_an_issuer_in_trouble(tokens, keys):
    tokens.verify(token())
    keys.server.stop()

    assert tokens.verify(token()) == INVOKER


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {}),
        (404, {}),
        (200, "no keys"),
        (200, []),
        (200, {}),
        (200, {"keys": []}),
        (200, {"keys": [{"kty": "?"}]}),
    ],
)
def test_without_keys_verification_is_unavailable(tokens, keys, status, body):
    keys.status, keys.body = status, body
    with pytest.raises(IdentityUnavailable):
        tokens.verify(token())


def test_with_an_unreachable_issuer_verification_is_unavailable(tokens, keys):
    keys.server.stop()
    with pytest.raises(IdentityUnavailable):
        tokens.verify(token())


def test_callers_at_once_wait_for_one_failure_and_not_one_after_the_other(tokens, keys):
    """Without caching the failure, each of the eight callers would request the keys: 1.6 seconds."""
    keys.status, keys.delay = 503, 0.2
    started = time.monotonic()

    def verify(_):
        with pytest.raises(IdentityUnavailable):
            tokens.verify(token())

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(verify, range(8)))
    assert keys.calls == 1
    assert time.monotonic() - started < 0.8


def test_an_issuer_that_failed_is_left_alone_for_some_seconds_only(tokens, keys):
    keys.status = 503
    for _ in range(3):
        with pytest.raises(IdentityUnavailable):
            tokens.verify(token())
    assert keys.calls == 1
    keys.status = 200
    tokens._keys._failed_until = time.monotonic()  # the seconds are over

    assert tokens.verify(token()) == INVOKER


def test_a_failed_search_for_an_unknown_key_costs_the_known_ones_nothing(tokens, keys):
    tokens.verify(token())
    keys.status = 503
    tokens._keys.cooldown_duration = 0  # the half minute is over
    with pytest.raises(IdentityUnavailable):
        tokens.verify(token(kid="made-up"))

    assert tokens.verify(token()) == INVOKER


def test_callers_are_not_verified_inside_a_transaction(tokens):
    with transaction_open(), pytest.raises(CalledInsideTransaction):
        tokens.verify(token())


def test_a_refused_token_is_never_logged(tokens, caplog):
    refused = token(aud="https://other.test")
    with caplog.at_level(logging.DEBUG), pytest.raises(InvalidInvoker) as caught:
        tokens.verify(refused)

    output = caplog.text + "".join(traceback.format_exception(caught.value))
    assert not any(part in output for part in refused.split("."))
