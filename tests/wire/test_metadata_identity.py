"""Our own access token, from a metadata server that works, fails, hangs or is missing."""

import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from flask import Flask, request

from infra.google import IdentityUnavailable
from infra.google.identity import MetadataIdentity
from infra.outside import CalledInsideTransaction, transaction_open
from tests.google_servers import GoogleServers, Running


class MetadataServer:
    """A metadata server that counts requests, with a settable response."""

    def __init__(self):
        self.calls, self.answer, self.delay = 0, {"access_token": "secret-1", "expires_in": 3599}, 0.0
        app = Flask(__name__)
        path = "/computeMetadata/v1/instance/service-accounts/default/token"
        app.add_url_rule(path, view_func=self._answer, endpoint="token")
        self.server = Running(app)
        self.host = self.server.host

    def _answer(self):
        assert request.headers["Metadata-Flavor"] == "Google"
        self.calls += 1
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


def test_an_access_token_is_fetched_once(metadata):
    identity = MetadataIdentity(metadata.host)

    assert [identity.access_token() for _ in range(3)] == ["secret-1"] * 3
    assert metadata.calls == 1


def test_many_threads_ask_once(metadata):
    metadata.delay = 0.1
    identity = MetadataIdentity(metadata.host)

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(lambda _: identity.access_token(), range(8))) == {"secret-1"}
    assert metadata.calls == 1


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


def test_a_hanging_metadata_server_blocks_no_caller(metadata):
    metadata.delay = 1.0
    identity = MetadataIdentity(metadata.host, timeout=0.1)
    started = time.monotonic()

    def fetch(_):
        with pytest.raises(IdentityUnavailable):
            identity.access_token()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(fetch, range(8)))
    assert time.monotonic() - started < 0.6  # not one after the other


def test_a_metadata_server_that_is_not_there_is_an_identity_unavailable(metadata):
    metadata.server.stop()
    with pytest.raises(IdentityUnavailable):
        MetadataIdentity(metadata.host).access_token()


def test_a_token_is_not_asked_for_inside_a_transaction(metadata):
    with transaction_open(), pytest.raises(CalledInsideTransaction):
        MetadataIdentity(metadata.host).access_token()
    assert metadata.calls == 0
