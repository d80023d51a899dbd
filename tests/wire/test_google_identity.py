"""Who a caller is, by tokens of every wrong kind; and our own access token, from a metadata server in every mood."""

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
from flask import Flask, request
from jwt.algorithms import RSAAlgorithm

from infra.google import IdentityUnavailable, InvalidInvoker, InvokerTokens, MetadataIdentity
from infra.outside import CalledInsideTransaction, transaction_open
from tests.google_servers import GoogleServers, Running

ISSUER = "https://accounts.google.test"
AUDIENCE = "https://tasks.test"
INVOKER = "invoker@test-project.iam.gserviceaccount.com"
KEY, OTHER_KEY = (generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))


class Keys:
    """An issuer's JWKS, counting who asks; `status` other than 200 is an issuer in trouble."""

    def __init__(self):
        self.status, self.asked, self.body = 200, 0, {}
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
        self.asked += 1
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
    said = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "1",
        "email": INVOKER,
        "email_verified": True,
        "iat": now,
        "exp": now + 3600,
    }
    said = {name: value for name, value in {**said, **claims}.items() if name not in without}
    return jwt.encode(said, key, algorithm=algorithm, headers={"kid": kid} if kid else None)


def by_hand(header, signature):
    """Build what no library would: the claims of a good token under another header."""
    claims = token().split(".")[1]
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    signed = signature(f"{head}.{claims}".encode())
    return f"{head}.{claims}.{base64.urlsafe_b64encode(signed).rstrip(b'=').decode()}"


def hmac_with_public_key(message):
    """The confusion of algorithms: the key everybody knows, taken for a shared secret."""
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return hmac.new(public, message, hashlib.sha256).digest()


def test_an_invoker_is_known_by_its_email(tokens):
    assert tokens.verify(token()) == INVOKER


def test_the_token_of_the_metadata_stand_in_is_taken(tmp_path):
    from infra.local.metadata import Metadata

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
    assert keys.asked == 0


def test_clocks_may_differ_a_little(tokens):
    now = int(time.time())
    assert tokens.verify(token(iat=now + 5, exp=now - 5)) == INVOKER


def test_keys_are_asked_for_once(tokens, keys):
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(lambda _: tokens.verify(token()), range(16))) == {INVOKER}
    assert keys.asked == 1


def test_unknown_keys_do_not_make_us_ask_again_and_again(tokens, keys):
    for number in range(20):
        with pytest.raises(InvalidInvoker):
            tokens.verify(token(kid=f"made-up-{number}"))
    assert keys.asked == 1


def test_a_new_key_of_the_issuer_is_found(tokens, keys):
    assert tokens.verify(token()) == INVOKER
    keys.publish(k1=KEY, k2=OTHER_KEY)
    tokens._keys.cooldown_duration = 0  # the half minute is over

    assert tokens.verify(token(key=OTHER_KEY, kid="k2")) == INVOKER
    assert keys.asked == 2


def test_known_keys_outlast_an_issuer_in_trouble(tokens, keys):
    tokens.verify(token())
    keys.server.stop()

    assert tokens.verify(token()) == INVOKER


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, {}), (404, {}), (200, "no keys"), (200, {}), (200, {"keys": []}), (200, {"keys": [{"kty": "?"}]})],
)
def test_without_keys_nothing_is_said_about_the_caller(tokens, keys, status, body):
    keys.status, keys.body = status, body
    with pytest.raises(IdentityUnavailable):
        tokens.verify(token())


def test_an_issuer_that_cannot_be_reached_says_nothing_about_the_caller(tokens, keys):
    keys.server.stop()
    with pytest.raises(IdentityUnavailable):
        tokens.verify(token())


def test_callers_are_not_verified_inside_a_transaction(tokens):
    with transaction_open(), pytest.raises(CalledInsideTransaction):
        tokens.verify(token())


def test_a_refused_token_is_told_to_nobody(tokens, caplog):
    refused = token(aud="https://other.test")
    with caplog.at_level(logging.DEBUG), pytest.raises(InvalidInvoker) as caught:
        tokens.verify(refused)

    told = caplog.text + "".join(traceback.format_exception(caught.value))
    assert not any(part in told for part in refused.split("."))


class MetadataServer:
    """A metadata server that counts, and answers as told."""

    def __init__(self):
        self.asked, self.answer, self.delay = 0, {"access_token": "secret-1", "expires_in": 3599}, 0.0
        app = Flask(__name__)
        path = "/computeMetadata/v1/instance/service-accounts/default/token"
        app.add_url_rule(path, view_func=self._answer, endpoint="token")
        self.server = Running(app)
        self.host = self.server.host

    def _answer(self):
        assert request.headers["Metadata-Flavor"] == "Google"
        self.asked += 1
        time.sleep(self.delay)
        return self.answer


@pytest.fixture
def metadata():
    metadata = MetadataServer()
    yield metadata
    metadata.server.stop()


def test_the_stand_in_gives_an_access_token(tmp_path):
    with GoogleServers(tmp_path) as google:
        assert (
            jwt.decode(google.identity().access_token(), options={"verify_signature": False})["email"] == google.email
        )


def test_an_access_token_is_asked_for_once(metadata):
    identity = MetadataIdentity(metadata.host)

    assert [identity.access_token() for _ in range(3)] == ["secret-1"] * 3
    assert metadata.asked == 1


def test_many_threads_ask_once(metadata):
    metadata.delay = 0.1
    identity = MetadataIdentity(metadata.host)

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(lambda _: identity.access_token(), range(8))) == {"secret-1"}
    assert metadata.asked == 1


def test_a_token_in_its_last_five_minutes_is_renewed(metadata):
    metadata.answer = {"access_token": "secret-1", "expires_in": 300}
    identity = MetadataIdentity(metadata.host)
    identity.access_token()
    metadata.answer = {"access_token": "secret-2", "expires_in": 3599}

    assert identity.access_token() == "secret-2"


@pytest.mark.parametrize(
    "answer", [("gone", 404), ("broken", 500), "no JSON: secret-1", {"expires_in": 3599}, ["secret-1"]]
)
def test_an_answer_that_is_no_token_is_an_identity_unavailable(metadata, answer):
    metadata.answer = answer
    with pytest.raises(IdentityUnavailable) as caught:
        MetadataIdentity(metadata.host).access_token()
    assert "secret" not in "".join(traceback.format_exception(caught.value))


def test_a_metadata_server_that_hangs_holds_nobody(metadata):
    metadata.delay = 1.0
    identity = MetadataIdentity(metadata.host, timeout=0.1)
    started = time.monotonic()

    def ask(_):
        with pytest.raises(IdentityUnavailable):
            identity.access_token()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(ask, range(8)))
    assert time.monotonic() - started < 0.6  # not one after the other


def test_a_metadata_server_that_is_not_there_is_an_identity_unavailable(metadata):
    metadata.server.stop()
    with pytest.raises(IdentityUnavailable):
        MetadataIdentity(metadata.host).access_token()


def test_a_token_is_not_asked_for_inside_a_transaction(metadata):
    with transaction_open(), pytest.raises(CalledInsideTransaction):
        MetadataIdentity(metadata.host).access_token()
    assert metadata.asked == 0
