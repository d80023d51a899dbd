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
    """The claims of a valid access token; whether it still counts is read from the database."""

    user_id: UUID
    session_id: UUID
    role: str

    @property
    def id(self) -> UUID:
        return self.user_id


@lru_cache(maxsize=64)
def _header(segment: str) -> dict[str, Any]:
    """Return what a token's first part says; there are as many of ours as there are keys."""
    return jwt.get_unverified_header(f"{segment}..")


@dataclass(frozen=True)
class AccessTokens:
    """Signs with the first key and accepts all of them, by their `kid`."""

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
        """Return the claims of a token we signed that has not expired; anything else raises InvalidToken."""
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
    """The position a refresh token claims, with a signature that proves we issued it."""

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
        """Return what the token says if one of our keys signed it, else None."""
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            token = cls(UUID(bytes=raw[:16]), struct.unpack(">I", raw[16:20])[0])
        except (ValueError, struct.error, binascii.Error):
            return None
        secrets = keys.by_id.values()
        matches = [hmac.compare_digest(raw[20:], token._signature(secret)) for secret in secrets]
        return token if any(matches) else None
