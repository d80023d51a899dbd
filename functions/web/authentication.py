"""Authentication: users send an access token, the platform (Cloud Tasks, Cloud Scheduler) an identity token."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from flask import Request
from sqlalchemy.orm import Session

from functions import wiring
from shared.kit.database import Piggyback
from shared.kit.errors import Forbidden, Unauthorized
from shared.sign_in import sessions
from shared.sign_in.sessions import Caller
from shared.sign_in.tokens import Claims, InvalidToken

Roles = Sequence[str]


def bearer(request: Request) -> str:
    """Return the token of the Authorization header. Raises InvalidToken where there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise InvalidToken
    return token.strip()


def claims(request: Request) -> Claims:
    """Return the claims of a request's access token. Raises InvalidToken."""
    return wiring.access_tokens().read(bearer(request))


def caller(session: Session, claimed: Claims, roles: Roles, now: datetime, *, lock: bool = False) -> Caller:
    """Return the caller from the database. Raises InvalidToken, or Forbidden for another role."""
    known = sessions.caller(session, claimed, now, lock=lock)
    _refuse_other_role(known, roles)
    return known


def piggyback(claimed: Claims, roles: Roles, now: datetime, *, lock: bool = False) -> Piggyback:
    """Return the authentication query for a session's first statement to piggyback; its rows raise the same errors."""
    return sessions.authentication_piggyback(claimed, now, lambda known: _refuse_other_role(known, roles), lock=lock)


def _refuse_other_role(known: Caller, roles: Roles) -> None:
    if known.role not in roles:
        named = f"role {roles[0]}" if len(roles) == 1 else f"roles {', '.join(roles)}"
        raise Forbidden(f"This is for the {named}.")


class Authenticated:
    """A request with an access token to an endpoint for some roles, and the database sessions it may open."""

    claims: Claims | None
    roles: Roles
    now: datetime

    @contextmanager
    def reading(self) -> Iterator[tuple[Session, Caller]]:
        """Open a session for reads; its first statement authenticates the caller."""
        with wiring.database().reading() as session:
            yield session, self._caller(session)

    @contextmanager
    def writing(self, *, lock: bool = False) -> Iterator[tuple[Session, Caller]]:
        """Open a transaction; its first statement authenticates the caller, and locks the caller's row if `lock`."""
        with wiring.database().transaction() as session:
            yield session, self._caller(session, lock=lock)

    @contextmanager
    def locking(self) -> Iterator[tuple[Session, Caller]]:
        """Open a transaction that locks the caller's row, so that one caller's transactions run one after another."""
        with self.writing(lock=True) as (session, caller):
            yield session, caller

    @contextmanager
    def reading_piggybacked(self) -> Iterator[tuple[Session, Claims]]:
        """Open a session for reads whose first statement piggybacks the authentication query, saving a round trip.

        Until then the caller is unverified. If the token's user, role or session is invalid, the first statement raises.
        """
        with wiring.database().reading(self._piggyback(), prepared=True) as session:
            yield session, self._claimed

    @contextmanager
    def locking_piggybacked(self) -> Iterator[tuple[Session, Claims]]:
        """Open a transaction as `locking` does, with the authentication query piggybacked."""
        with wiring.database().transaction(self._piggyback(lock=True), prepared=True) as session:
            yield session, self._claimed

    def _piggyback(self, *, lock: bool = False) -> Piggyback:
        return piggyback(self._claimed, self.roles, self.now, lock=lock)

    def _caller(self, session: Session, *, lock: bool = False) -> Caller:
        return caller(session, self._claimed, self.roles, self.now, lock=lock)

    @property
    def _claimed(self) -> Claims:
        assert self.claims, "the endpoint declares a role"  # noqa: S101
        return self.claims


class UnknownInvoker(Unauthorized):
    code, title = "unknown_invoker", "Not a caller of this function"

    def __init__(self) -> None:
        super().__init__("This function is called by the platform, with an identity token for it.")


def invoked_by(request: Request, audience: str, email: str) -> None:
    """Verify a request's identity token: its audience, and `email` as its service account. Raises UnknownInvoker."""
    from infra.google.invokers import InvalidInvoker

    try:
        wiring.invokers(audience, email).verify(bearer(request))
    except (InvalidInvoker, InvalidToken) as error:
        raise UnknownInvoker from error


def address(request: Request, trusted_proxies: int) -> str:
    """Return the client's address: the entry of X-Forwarded-For that our own proxy wrote, counted from the right."""
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    return (hops[-trusted_proxies] if 0 < trusted_proxies <= len(hops) else request.remote_addr) or ""
