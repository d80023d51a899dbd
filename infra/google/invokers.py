"""Whether a caller is who Google says: the only module that needs RS256, and with it `cryptography`."""

import time
from typing import Any, Final

import jwt

from infra.google import IdentityUnavailable
from infra.outside import assert_outside_transaction

CLOCK_SKEW: Final = 10  # seconds two machines' clocks may differ
KEYS_KEPT: Final = 3600  # seconds; Google lets its own be cached for some hours and publishes new ones long before use
KEYS_FAILURE_KEPT: Final = 5  # seconds an issuer that failed is left alone


class InvalidInvoker(Exception):
    """The identity token is not one of our invokers'; the message names the check that failed, never the token."""


class _IssuerKeys(jwt.PyJWKClient):
    """Remembers a failed fetch: PyJWKClient asks under one lock, and its waiting threads would each wait for a timeout."""

    _failed_until = 0.0  # time.monotonic()

    def fetch_data(self) -> Any:
        """Return the issuer's answer. Raises IdentityUnavailable."""
        if time.monotonic() < self._failed_until:
            raise IdentityUnavailable("keys of the issuer: they could not be fetched just now")
        try:
            return super().fetch_data()
        except (jwt.PyJWKClientError, jwt.PyJWKSetError, OSError, ValueError) as trouble:
            self._failed_until = time.monotonic() + KEYS_FAILURE_KEPT
            raise IdentityUnavailable(f"keys of the issuer: {type(trouble).__name__}") from trouble


class InvokerTokens:
    """Verifies the OIDC tokens Cloud Tasks and Cloud Scheduler send: RS256, by a key of the issuer, for us, from us.

    Keys are cached for an hour; an unknown `kid` asks for them again, half a minute after the last time at the earliest.
    When they cannot be had, callers fail at once for some seconds instead of waiting one after the other.
    """

    def __init__(self, issuer: str, jwks_url: str, audience: str, emails: frozenset[str]) -> None:
        self._issuer = issuer
        self._audience = audience
        self._emails = emails
        self._keys = _IssuerKeys(jwks_url, lifespan=KEYS_KEPT, timeout=3, cooldown_duration=30)

    def verify(self, token: str) -> str:
        """Return the invoker's e-mail. Raises InvalidInvoker, or IdentityUnavailable when there are no keys to judge by."""
        assert_outside_transaction()
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") != "RS256" or not isinstance(header.get("kid"), str):
                raise InvalidInvoker("not an RS256 token with a key id")  # before any key is asked for
            claims = jwt.decode(
                token,
                self._key(header["kid"]),
                algorithms=["RS256"],
                audience=self._audience,
                issuer=self._issuer,
                leeway=CLOCK_SKEW,
                options={"require": ["aud", "email", "exp", "iat", "iss"]},
            )
        except jwt.InvalidTokenError as refusal:
            raise InvalidInvoker(type(refusal).__name__) from None
        if claims["email"] not in self._emails or claims.get("email_verified") is not True:
            raise InvalidInvoker("not one of the invokers")
        return str(claims["email"])

    def _key(self, kid: str) -> jwt.PyJWK:
        try:
            return self._keys.get_signing_key(kid)
        except jwt.PyJWKClientError:
            raise InvalidInvoker("unknown key id") from None
