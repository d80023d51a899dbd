"""PhonePe v2's access token: fetched with our credentials, shared by all instances, renewed at half of its life.

It lies in Redis under a key of its own, readable by whoever holds Redis's token, and in the memory of each process. One
instance at a time renews it; while the token endpoint is silent the old one is used until it truly ends. Without Redis
each process fetches its own.
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

CLAIMED_SECONDS: Final = 15  # longer than a fetch takes: its one fetcher has then given up
PATIENCE_SECONDS: Final = 3.0  # how long a process without any token waits for the one that fetches it
AGAIN_SECONDS: Final = 30.0  # after a fetch that failed, while the old token lives
_REFUSED: Final = {400, 401, 403}
_READ: Final = "return redis.call('get', KEYS[1])"
_CLAIM: Final = "return redis.call('set', KEYS[1], '1', 'NX', 'EX', ARGV[1])"
_RELEASE: Final = "return redis.call('del', KEYS[1])"
_SHARE: Final = "redis.call('del', KEYS[2]) return redis.call('set', KEYS[1], ARGV[1], 'EX', ARGV[2])"
logger = log.logger(__name__)


class CredentialsRefused(GatewayUnavailable):
    """The gateway does not know our client id, version and secret: nothing can be asked, and nothing was begun."""


@dataclass(frozen=True)
class Credentials:
    """A merchant's credentials. As the `auth` of a request it writes the form, so that no variable holds the secret."""

    client_id: str
    client_version: str
    client_secret: str = field(repr=False)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.prepare_body({**asdict(self), "grant_type": "client_credentials"}, None)
        return request


@dataclass(frozen=True)
class Token:
    """As the `auth` of a request it is the request's Authorization; times are Unix seconds."""

    value: str = field(repr=False)
    renew_at: float
    ends_at: float

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"O-Bearer {self.value}"
        return request

    @classmethod
    def read(cls, written: Any) -> "Token | None":
        """Read what another instance has written; None for what is none."""
        try:
            kept = json.loads(written)
            return cls(str(kept["value"]), float(kept["renew_at"]), float(kept["ends_at"]))
        except (TypeError, ValueError, KeyError):
            return None


class Tokens:
    """Gives the access token of one merchant; may be shared by threads. `clock` tells Unix seconds."""

    def __init__(
        self, auth_url: str, credentials: Credentials, store: Store, clock: Callable[[], float] = time.time
    ) -> None:
        self._url, self._credentials, self._store, self._clock = auth_url.rstrip("/"), credentials, store, clock
        whose = f"{self._url} {credentials.client_id} {credentials.client_version}"
        self._key = f"phonepe:token:{sha256(whose.encode()).hexdigest()[:32]}"
        self._lock = threading.Lock()
        self._held: Token | None = None
        self._again_at = 0.0

    @cached_property
    def _http(self) -> requests.Session:
        return calls.new_session()

    def current(self, rejected: Token | None = None) -> Token:
        """Return a valid token, another one than `rejected`; raises CredentialsRefused or GatewayUnavailable."""
        held = self._valid(self._held, rejected)
        if held and self._is_fresh(held):
            return held
        # With a token at hand only one thread renews it; without one the others wait, as long as a fetch may take.
        if not self._lock.acquire(timeout=0 if held else sum(calls.TIMEOUT)):
            if held:
                return held
            raise GatewayUnavailable("no token")
        try:
            held = self._valid(self._held, rejected)
            self._held = held if held and self._is_fresh(held) else self._renewed(held, rejected)
            return self._held
        finally:
            self._lock.release()

    def _valid(self, token: Token | None, rejected: Token | None) -> Token | None:
        unusable = token is None or self._clock() >= token.ends_at or (rejected and token.value == rejected.value)
        return None if unusable else token

    def _is_fresh(self, token: Token) -> bool:
        return self._clock() < max(token.renew_at, self._again_at)

    def _renewed(self, held: Token | None, rejected: Token | None) -> Token:
        """Return the token another instance has fetched, or fetch one and share it."""
        try:
            shared = self._valid(Token.read(self._store.eval(_READ, [self._key], [])), rejected)
            if shared and self._is_fresh(shared):
                return shared
            usable = shared or held
            if not self._claimed():
                usable = usable or self._waited(rejected)
                if usable:
                    return usable
        except StoreUnavailable:
            usable = held
        return self._fetched_or(usable)

    def _claimed(self) -> bool:
        return self._store.eval(_CLAIM, [f"{self._key}:claim"], [CLAIMED_SECONDS]) is not None

    def _waited(self, rejected: Token | None) -> Token | None:
        """Wait for the token another instance is fetching; None when it does not come."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            time.sleep(0.1)
            shared = self._valid(Token.read(self._store.eval(_READ, [self._key], [])), rejected)
            if shared:
                return shared
        return None

    def _fetched_or(self, usable: Token | None) -> Token:
        try:
            token = self._fetch()
        except GatewayUnavailable as error:
            self._tell(_RELEASE, [f"{self._key}:claim"], [])
            if usable is None:
                raise
            self._again_at = self._clock() + AGAIN_SECONDS
            logger.warning("token not renewed, the old one is used", extra=log.fields(reason=error.reason))
            return usable
        self._share(token)
        return token

    def _fetch(self) -> Token:
        began = self._clock()
        status, said = calls.ask(self._http, "POST", self._url + wire.TOKEN_PATH, auth=self._credentials)
        answer = mapping(said)
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
            self._tell(_SHARE, [self._key, f"{self._key}:claim"], [json.dumps(asdict(token)), seconds])

    def _tell(self, script: str, keys: list[str], args: list[str | int]) -> None:
        with suppress(StoreUnavailable):  # this process has its own copy, and a claim ends by itself
            self._store.eval(script, keys, args)
