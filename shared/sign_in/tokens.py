"""Access tokens (JWT, HS256 only) and refresh tokens (opaque, recomputable, never stored). docs/product.md#sessions."""

import base64
import binascii
import hmac
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import jwt

from shared.kit.errors import Unauthorized
from shared.kit.settings import Keys

ALGORITHM, KIND, HEADER_TYPE = "HS256", "access", "at+jwt"
CLAIMS = ["iss", "aud", "typ", "sub", "role", "sid", "jti", "iat", "exp"]


class InvalidToken(Unauthorized):
    code, title = "invalid_token", "Invalid or expired token"

    def __init__(self) -> None:
        super().__init__("The access token is missing, expired or not valid here.")


@dataclass(frozen=True)
class Claims:
    """The claims of a valid access token; the database decides whether its session is still live."""

    user_id: UUID
    session_id: UUID
    role: str

    @property
    def id(self) -> UUID:
        return self.user_id


@lru_cache(maxsize=64)
def _header(segment: str) -> dict[str, Any]:
    """Return a token's decoded header; cached, because our tokens have one header per key."""
    return jwt.get_unverified_header(f"{segment}..")


@dataclass(frozen=True)
class AccessTokens:
    """Issues and reads access tokens: signs with the first key, accepts all keys by their `kid`."""

    keys: Keys
    issuer: str
    audience: str
    seconds: int

    def issue(self, user_id: UUID, session_id: UUID, role: str, now: datetime) -> str:
        key_id, secret = self.keys.current
        claims = {
            "iss": self.issuer,
            "aud": self.audience,
            "typ": KIND,
            "sub": str(user_id),
            "role": role,
            "sid": str(session_id),
            "jti": str(uuid4()),
            "iat": now,
            "exp": now + timedelta(seconds=self.seconds),
        }
        return jwt.encode(claims, secret, ALGORITHM, headers={"kid": key_id, "typ": HEADER_TYPE})

    def read(self, token: str) -> Claims:
        """Return the claims of a token; raises InvalidToken unless we signed it and it has not expired."""
        try:
            header = _header(token.partition(".")[0])
            claims = jwt.decode(
                token,
                self.keys.by_id[header["kid"]],
                algorithms=[ALGORITHM],
                audience=self.audience,
                issuer=self.issuer,
                options={"require": CLAIMS},
            )
            if claims["typ"] != KIND or header.get("typ") != HEADER_TYPE:
                raise InvalidToken
            return Claims(UUID(claims["sub"]), UUID(claims["sid"]), str(claims["role"]))
        except (jwt.PyJWTError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise InvalidToken from error


@dataclass(frozen=True)
class RefreshToken:
    """The contents of a refresh token: its session and generation; the signature proves that we issued it."""

    family: UUID
    generation: int

    def _signature(self, secret: str) -> bytes:
        return hmac.digest(secret.encode(), self._body(), sha256)

    def _body(self) -> bytes:
        return self.family.bytes + struct.pack(">I", self.generation)

    def encode(self, keys: Keys) -> str:
        _, secret = keys.current
        return base64.urlsafe_b64encode(self._body() + self._signature(secret)).decode().rstrip("=")

    @classmethod
    def read(cls, text: str, keys: Keys) -> "RefreshToken | None":
        """Decode a refresh token; returns None unless one of our keys signed it."""
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            token = cls(UUID(bytes=raw[:16]), struct.unpack(">I", raw[16:20])[0])
        except (ValueError, struct.error, binascii.Error):
            return None
        secrets = keys.by_id.values()
        matches = [hmac.compare_digest(raw[20:], token._signature(secret)) for secret in secrets]
        return token if any(matches) else None
