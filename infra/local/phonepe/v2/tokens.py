"""Issued access tokens. A restart revokes them, as PhonePe may at any time: the next call gets a 401."""

import secrets
import threading
import time
from typing import Any

LIFE_SECONDS = 3_600.0


class Tokens:
    """The valid access tokens; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: dict[str, float] = {}

    def issue(self, seconds: float = LIFE_SECONDS) -> dict[str, Any]:
        """Issue a token and return its response body; times are Unix seconds."""
        now, token = time.time(), secrets.token_urlsafe(32)
        with self._lock:
            self._ends[token] = now + seconds
        return {
            "access_token": token,
            "encrypted_access_token": token,
            "refresh_token": "",
            "expires_in": 0,
            "issued_at": int(now),
            "expires_at": int(now + seconds),
            "session_expires_at": int(now + seconds),
            "token_type": "O-Bearer",
        }

    def accepts(self, authorization: str) -> bool:
        with self._lock:
            return self._ends.get(_token(authorization), 0.0) > time.time()

    def revoke(self, authorization: str) -> None:
        with self._lock:
            self._ends.pop(_token(authorization), None)


def _token(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    return token if scheme == "O-Bearer" else ""
