"""PhonePe v2's access token: fetched with our credentials, shared by all instances, renewed at half its lifetime.

Redis stores it under its own key, readable with Redis's token, and each process caches it. One instance at a time renews
it; while the token endpoint fails, the old token is used until it expires. Without Redis, each process fetches its own.
"""

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any, Final

import requests

from infra.phonepe import calls
from infra.phonepe.reading import mapping, text
from infra.phonepe.v2 import wire
from shared.kit import log
from shared.kit.store import Store, StoreUnavailable
from shared.payments.gateway import GatewayUnavailable

CLAIM_SECONDS: Final = 15  # a claim's lifetime: longer than a fetch can take
WAIT_SECONDS: Final = 3.0  # how long a process without a token waits for another's fetch
RETRY_SECONDS: Final = 30.0  # between fetches after a failure, while the old token is valid
_REFUSED: Final = {400, 401, 403}
_READ: Final = "return redis.call('get', KEYS[1])"
_CLAIM: Final = "return redis.call('set', KEYS[1], '1', 'NX', 'EX', ARGV[1])"
_RELEASE: Final = "return redis.call('del', KEYS[1])"
_SHARE: Final = "redis.call('del', KEYS[2]) return redis.call('set', KEYS[1], ARGV[1], 'EX', ARGV[2])"
logger = log.logger(__name__)


class CredentialsRefused(GatewayUnavailable):
    """The gateway rejects our client id, version and secret: nothing was started, and no status is known."""


@dataclass(frozen=True)
class Credentials:
    """A merchant's credentials. As a request's `auth` it writes the form, so that no other variable has the secret."""

    client_id: str
    client_version: str
    client_secret: str = field(repr=False)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.prepare_body({**asdict(self), "grant_type": "client_credentials"}, None)
        return request


@dataclass(frozen=True)
class Token:
    """An access token. As a request's `auth` it sets the Authorization header; times are Unix seconds."""

    value: str = field(repr=False)
    renew_at: float
    ends_at: float

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"O-Bearer {self.value}"
        return request

    @classmethod
    def read(cls, stored: Any) -> "Token | None":
        """Parse the token that an instance stored in Redis; None if it is invalid."""
        try:
            fields = json.loads(stored)
            return cls(str(fields["value"]), float(fields["renew_at"]), float(fields["ends_at"]))
        except (TypeError, ValueError, KeyError):
            return None


class Tokens:
    """The access token of one merchant; thread-safe. `clock` returns Unix seconds."""

    def __init__(
        self, auth_url: str, credentials: Credentials, store: Store, clock: Callable[[], float] = time.time
    ) -> None:
        self._url, self._credentials, self._store, self._clock = auth_url.rstrip("/"), credentials, store, clock
        account = f"{self._url} {credentials.client_id} {credentials.client_version}"
        self._key = f"phonepe:token:{sha256(account.encode()).hexdigest()[:32]}"
        self._lock = threading.Lock()
        self._cached: Token | None = None
        self._retry_at = 0.0

    @cached_property
    def _http(self) -> requests.Session:
        return calls.new_session()

    def current(self, rejected: Token | None = None) -> Token:
        """Return a valid token other than `rejected`. Raises CredentialsRefused or GatewayUnavailable."""
        cached = self._valid(self._cached, rejected)
        if cached and self._is_fresh(cached):
            return cached
        # With a valid token one thread renews it and the others use it; without one they wait for the fetch.
        if not self._lock.acquire(timeout=0 if cached else sum(calls.TIMEOUT)):
            if cached:
                return cached
            raise GatewayUnavailable("no token")
        try:
            cached = self._valid(self._cached, rejected)
            self._cached = cached if cached and self._is_fresh(cached) else self._renew(cached, rejected)
            return self._cached
        finally:
            self._lock.release()

    def _valid(self, token: Token | None, rejected: Token | None) -> Token | None:
        unusable = token is None or self._clock() >= token.ends_at or (rejected and token.value == rejected.value)
        return None if unusable else token

    def _is_fresh(self, token: Token) -> bool:
        return self._clock() < max(token.renew_at, self._retry_at)

    def _renew(self, cached: Token | None, rejected: Token | None) -> Token:
        """Return the token that another instance has fetched, or fetch and share one."""
        try:
            shared = self._valid(Token.read(self._store.eval(_READ, [self._key], [])), rejected)
            if shared and self._is_fresh(shared):
                return shared
            usable = shared or cached
            if not self._claim():
                usable = usable or self._wait_for_shared(rejected)
                if usable:
                    return usable
        except StoreUnavailable:
            usable = cached
        return self._fetch_or(usable)

    def _claim(self) -> bool:
        return self._store.eval(_CLAIM, [f"{self._key}:claim"], [CLAIM_SECONDS]) is not None

    def _wait_for_shared(self, rejected: Token | None) -> Token | None:
        """Wait for the token that another instance is fetching; None if it does not arrive in time."""
        until = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < until:
            time.sleep(0.1)
            shared = self._valid(Token.read(self._store.eval(_READ, [self._key], [])), rejected)
            if shared:
                return shared
        return None

    def _fetch_or(self, usable: Token | None) -> Token:
        try:
            token = self._fetch()
        except GatewayUnavailable as error:
            self._eval_if_available(_RELEASE, [f"{self._key}:claim"], [])
            if usable is None:
                raise
            self._retry_at = self._clock() + RETRY_SECONDS
            logger.warning("token not renewed, using the old one", extra=log.fields(reason=error.reason))
            return usable
        self._share(token)
        return token

    def _fetch(self) -> Token:
        began = self._clock()
        status, body = calls.send(self._http, "POST", self._url + wire.TOKEN_PATH, auth=self._credentials)
        answer = mapping(body)
        value, ends_at = text(answer.get("access_token")), answer.get("expires_at")
        if status == 200 and value and isinstance(ends_at, int | float) and ends_at > began:
            return Token(value, began + (ends_at - began) / 2, float(ends_at))
        code = wire.code_of(answer)
        if status in _REFUSED and code:
            logger.error("gateway refuses our calls", extra=log.fields(alarm="gateway_refuses", code=code))
            raise CredentialsRefused(code)
        raise GatewayUnavailable(f"no token: HTTP {status}")

    def _share(self, token: Token) -> None:
        seconds = int(token.ends_at - self._clock())
        if seconds > 0:
            self._eval_if_available(_SHARE, [self._key, f"{self._key}:claim"], [json.dumps(asdict(token)), seconds])

    def _eval_if_available(self, script: str, keys: list[str], args: list[str | int]) -> None:
        with suppress(StoreUnavailable):  # this process has its own copy, and a claim expires
            self._store.eval(script, keys, args)
