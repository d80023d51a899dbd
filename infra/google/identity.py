"""Access tokens of our service account, without google-auth, which adds 40 ms to every cold start."""

import threading
import time
from dataclasses import dataclass
from typing import Final

import requests

from infra.google import IdentityUnavailable
from infra.outside import assert_outside_transaction

REFRESH_BEFORE_END: Final = 300  # seconds; the metadata server hands out a new token from 4 to 5 minutes before the end


@dataclass(frozen=True, slots=True)
class _AccessToken:
    value: str
    fresh_until: float  # time.monotonic()


class MetadataIdentity:
    """Access tokens of the function's own service account, from the metadata server at `host` (`name[:port]`)."""

    def __init__(self, host: str, *, timeout: float = 2.0) -> None:
        self._url = f"http://{host}/computeMetadata/v1/instance/service-accounts/default/token"
        self._timeout = timeout
        self._token = _AccessToken("", 0.0)
        self._request_lock = threading.Lock()

    def access_token(self) -> str:
        """Return a token valid for at least five minutes; only one thread requests a new one.

        Raises IdentityUnavailable.
        """
        assert_outside_transaction()
        if time.monotonic() < self._token.fresh_until:
            return self._token.value
        if not self._request_lock.acquire(timeout=self._timeout):
            raise IdentityUnavailable("another thread still waits for the metadata server")
        try:
            if time.monotonic() >= self._token.fresh_until:
                self._token = self._request()
            return self._token.value
        finally:
            self._request_lock.release()

    def _request(self) -> _AccessToken:
        requested_at = time.monotonic()
        try:
            with requests.Session() as session:
                session.trust_env = False  # the metadata server is never behind a proxy
                answer = session.get(self._url, headers={"Metadata-Flavor": "Google"}, timeout=self._timeout)
            answer.raise_for_status()
            given = answer.json()
            return _AccessToken(given["access_token"], requested_at + given["expires_in"] - REFRESH_BEFORE_END)
        except (requests.RequestException, ValueError, KeyError, TypeError) as trouble:
            # Not chained: an unreadable response may contain the token.
            raise IdentityUnavailable(f"metadata server: {type(trouble).__name__}") from None
