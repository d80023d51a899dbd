"""Verifies Google's identity tokens; the only module that needs RS256, and so `cryptography`."""

import time
from typing import Any, Final

import jwt

from infra.google import IdentityUnavailable
from infra.outside import assert_outside_transaction

CLOCK_SKEW: Final = 10  # seconds by which two machines' clocks may differ
KEYS_KEPT: Final = 3600  # seconds; Google allows some hours and publishes new keys long before it uses them
KEYS_FAILURE_KEPT: Final = 5  # seconds without a new request after the issuer failed


class InvalidInvoker(Exception):
    """The identity token is not one of our invokers'; the message names the check that failed, never the token."""


class _IssuerKeys(jwt.PyJWKClient):
    """Caches a failed fetch: PyJWKClient fetches under one lock, so that waiting threads would time out one by one."""

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
    """Verifies the OIDC tokens of Cloud Tasks and Cloud Scheduler: RS256, issuer's key, audience, our service account.

    Keys are cached for an hour; an unknown `kid` fetches them again, at most every 30 seconds. After a failed fetch,
    calls fail immediately for some seconds instead of waiting for a timeout each.
    """

    def __init__(self, issuer: str, jwks_url: str, audience: str, emails: frozenset[str]) -> None:
        self._issuer = issuer
        self._audience = audience
        self._emails = emails
        self._keys = _IssuerKeys(jwks_url, lifespan=KEYS_KEPT, timeout=3, cooldown_duration=30)

    def verify(self, token: str) -> str:
        """Return the invoker's e-mail. Raises InvalidInvoker, or IdentityUnavailable if the keys cannot be fetched."""
        assert_outside_transaction()
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") != "RS256" or not isinstance(header.get("kid"), str):
                raise InvalidInvoker("not an RS256 token with a key id")  # before any key is fetched
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
