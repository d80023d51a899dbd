"""Upstash Redis over its REST API (upstash.com/docs/redis/features/restapi)."""

import re
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter

from infra.outside import assert_outside_transaction
from shared.kit.log import fields, logger
from shared.kit.store import StoreError, StoreUnavailable

# A connection idle for longer is not reused: a load balancer may have dropped it without notice (from 60 s on), above
# all while the instance had no CPU.
IDLE_SECONDS: Final = 30.0

# Errors while the database cannot serve: its state, its quotas, an invalid token.
_CANNOT_SERVE: Final = re.compile(
    r"(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|OOM|MISCONF|NOREPLICAS|BUSY|WRONGPASS|NOAUTH)\b"
    r"|ERR .*(limit|quota|connections) exceeded"
)

_log = logger(__name__)


class UpstashRedis:
    """A `Store` that responds or fails within its timeout and never sends a command twice.

    `timeout` is seconds to connect and seconds to wait for the response. The first call connects, so an instance may
    be created before the server forks its workers; it is thread-safe.
    """

    def __init__(self, url: str, token: str, timeout: tuple[float, float] = (1.0, 2.0)) -> None:
        self._url, self._token, self._timeout = url.rstrip("/"), token, timeout
        self._lock = threading.Lock()
        self._session: requests.Session | None = None
        self._used_at = 0.0

    def eval(self, script: str, keys: Sequence[str], args: Sequence[str | int]) -> Any:
        """Run a Lua script atomically and return its result (see `Store.eval`)."""
        return self.command("EVAL", script, len(keys), *keys, *args)

    def command(self, *parts: str | int) -> Any:
        """Run one command and return its result: None, int, str or a list of those."""
        answer = self._post("/", parts)
        if isinstance(answer, dict) and "result" in answer:
            return answer["result"]
        raise _unavailable("the answer has no result")

    def pipeline(self, commands: Sequence[Sequence[str | int]]) -> list[Any]:
        """Run commands in one request, in order but not atomically, and return their results.

        All of them run; the result of a failed command is its `StoreError`.
        """
        answers = self._post("/pipeline", commands)
        if not isinstance(answers, list) or len(answers) != len(commands):
            raise _unavailable("the pipeline has other answers than commands")
        return [_failure(answer["error"]) if "error" in answer else answer["result"] for answer in answers]

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        with self._lock:
            self._drop()

    def _post(self, path: str, body: Sequence[Any]) -> Any:
        assert_outside_transaction()
        try:
            response = self._current_session().post(
                self._url + path, json=body, timeout=self._timeout, allow_redirects=False
            )
            if response.status_code not in {200, 400}:
                raise _unavailable(f"HTTP {response.status_code}")
            answer = response.json()
        except requests.RequestException as error:
            raise _unavailable(type(error).__name__) from None  # the error's text may quote the request
        if response.status_code == 400:
            raise _failure(str(answer["error"]))
        return answer

    def _current_session(self) -> requests.Session:
        now = time.monotonic()
        with self._lock:
            if now - self._used_at > IDLE_SECONDS:
                self._drop()
            if self._session is None:
                self._session = self._new_session()
            self._used_at = now
            return self._session

    def _new_session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False  # a .netrc must not replace the token, a proxy must not see it
        session.headers["Authorization"] = f"Bearer {self._token}"
        session.mount(self._url, HTTPAdapter(pool_connections=1, pool_maxsize=64, max_retries=0))
        return session

    def _drop(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


def _unavailable(reason: str) -> StoreUnavailable:
    _log.warning("redis unavailable", extra=fields(reason=reason))
    return StoreUnavailable(reason)


def _failure(message: str) -> StoreError | StoreUnavailable:
    # Redis quotes the arguments of an unknown command, and those may be secrets.
    safe = message.partition(", with args beginning")[0][:200]
    return _unavailable(safe) if _CANNOT_SERVE.match(message) else StoreError(safe)
