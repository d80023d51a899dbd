"""The metadata stand-in, as a function and the other stand-ins use it."""

import signal
import socket
import stat
import subprocess
import sys
import time

import jwt
import pytest
import requests
from google.auth.compute_engine import _metadata

from infra.local.metadata import ACCESS_AUDIENCE, Issuer, Metadata, create_app
from tests.google_servers import Running
from tests.waiting import started, until

ACCOUNT = "/computeMetadata/v1/instance/service-accounts/default"
EMAIL = "functions@p.iam.gserviceaccount.com"
FLAVOR = {"Metadata-Flavor": "Google"}


@pytest.fixture
def issuer(tmp_path):
    return Issuer(tmp_path, "https://issuer.test")


@pytest.fixture
def server(issuer):
    with Running(create_app(issuer, "p", EMAIL)) as running:
        yield running


def claims_of(server, token, audience):
    key = jwt.PyJWKClient(f"{server.url}/jwks").get_signing_key_from_jwt(token)
    return jwt.decode(token, key, algorithms=["RS256"], audience=audience)


def get(server, path, headers=FLAVOR):
    return requests.get(server.url + path, headers=headers, timeout=5)


@pytest.mark.parametrize("path", [f"{ACCOUNT}/token", f"{ACCOUNT}/email", "/computeMetadata/v1/project/project-id"])
def test_without_the_flavor_header_requests_are_refused(server, path):
    assert get(server, path, headers={}).status_code == 403
    assert get(server, path).headers["Metadata-Flavor"] == "Google"


def test_an_access_token_is_good_for_an_hour_and_no_identity(server):
    response = get(server, f"{ACCOUNT}/token").json()

    assert response["token_type"] == "Bearer"
    assert 3590 < response["expires_in"] <= 3600
    claims = claims_of(server, response["access_token"], ACCESS_AUDIENCE)
    assert claims["email"] == EMAIL
    Metadata(server.host).check(response["access_token"])
    identity = get(server, f"{ACCOUNT}/identity?audience=https://tasks.test").text
    with pytest.raises(jwt.InvalidAudienceError):
        Metadata(server.host).check(identity)


def test_an_identity_token_says_what_googles_says(server):
    token = get(server, f"{ACCOUNT}/identity?audience=https://tasks.test").text

    claims = claims_of(server, token, "https://tasks.test")
    assert claims["iss"] == "https://issuer.test"
    assert (claims["email"], claims["email_verified"]) == (EMAIL, True)
    assert claims["sub"].isdigit()
    assert claims["exp"] - claims["iat"] == 3600
    assert abs(claims["iat"] - time.time()) < 5
    assert jwt.get_unverified_header(token) == {
        "alg": "RS256",
        "typ": "JWT",
        "kid": get(server, "/jwks").json()["keys"][0]["kid"],
    }


def test_an_identity_token_needs_an_audience(server):
    assert get(server, f"{ACCOUNT}/identity").status_code == 400


def test_project_and_email_are_returned_as_text(server):
    assert get(server, "/computeMetadata/v1/project/project-id").text == "p"
    assert get(server, f"{ACCOUNT}/email").text == EMAIL


def test_the_other_stand_ins_get_tokens_of_any_account(server):
    token = Metadata(server.host).id_token("https://tasks.test", "invoker@p.iam.gserviceaccount.com")

    assert claims_of(server, token, "https://tasks.test")["email"] == "invoker@p.iam.gserviceaccount.com"


def test_googles_own_library_takes_it_for_a_metadata_server(server, monkeypatch):
    from google.auth.transport.requests import Request

    monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", server.host)
    with requests.Session() as session:
        token, expiry = _metadata.get_service_account_token(Request(session))

    assert claims_of(server, token, ACCESS_AUDIENCE)["email"] == EMAIL
    assert expiry is not None


def test_the_key_is_for_its_owner_only_and_outlives_a_restart(issuer, tmp_path):
    [key] = tmp_path.iterdir()

    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert Issuer(tmp_path, "https://issuer.test").jwks == issuer.jwks


def test_the_public_keys_hold_nothing_private(issuer):
    assert set(issuer.jwks["keys"][0]) == {"kty", "key_ops", "n", "e", "kid", "use", "alg"}


def test_it_runs_on_the_loopback_only_and_ends_cleanly_on_sigterm(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "infra.local.metadata",
        "--port",
        str(port),
        "--data",
        str(tmp_path),
        "--issuer",
        "http://i",
    ]
    with started(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        until(lambda: answers(port))
        url = f"http://127.0.0.1:{port}{ACCOUNT}/token"
        token = requests.get(url, headers=FLAVOR, timeout=5).json()["access_token"]
        with pytest.raises(requests.ConnectionError):
            requests.get(url.replace("127.0.0.1", "127.0.0.2"), headers=FLAVOR, timeout=5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert token.encode() not in process.stdout.read()


def answers(port):
    try:
        return requests.get(f"http://127.0.0.1:{port}/health", timeout=1).status_code == 200
    except requests.RequestException:
        return False
