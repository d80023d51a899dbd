"""Who is calling: a person with a token, or the platform with one of its own."""

from collections.abc import Iterator
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


def bearer(request: Request) -> str:
    """Return the token of an Authorization header; raises InvalidToken where there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise InvalidToken
    return token.strip()


def claims(request: Request) -> Claims:
    return wiring.access_tokens().read(bearer(request))


def caller(session: Session, claimed: Claims, role: str, now: datetime, *, lock: bool = False) -> Caller:
    """Return the caller as the database has them now; raises InvalidToken, or Forbidden for another role."""
    known = sessions.caller(session, claimed, now, lock=lock)
    _refuse_other_role(known, role)
    return known


def question(claimed: Claims, role: str, now: datetime, *, lock: bool = False) -> Piggyback:
    """Return the question who is calling, for a session's first statement to take along; it refuses the same."""
    return sessions.authentication_piggyback(claimed, now, lambda known: _refuse_other_role(known, role), lock=lock)


def _refuse_other_role(known: Caller, role: str) -> None:
    if known.role != role:
        raise Forbidden(f"This is for the role {role}.")


class Calling:
    """Somebody with a token at the door of an endpoint for one role, and the sessions they are let into."""

    claims: Claims | None
    role: str | None
    now: datetime

    @contextmanager
    def reading(self) -> Iterator[tuple[Session, Caller]]:
        """Open a session for reads whose first statement has told who is calling."""
        with wiring.database().reading() as session:
            yield session, self._caller(session)

    @contextmanager
    def writing(self, *, lock: bool = False) -> Iterator[tuple[Session, Caller]]:
        """Open a transaction whose first statement has told who is calling, and has locked their row where asked."""
        with wiring.database().transaction() as session:
            yield session, self._caller(session, lock=lock)

    @contextmanager
    def locking(self) -> Iterator[tuple[Session, Caller]]:
        """Open a transaction in which the requests of one caller follow one another."""
        with self.writing(lock=True) as (session, caller):
            yield session, caller

    @contextmanager
    def reading_at_once(self) -> Iterator[tuple[Session, Claims]]:
        """Open a session for reads whose first statement takes along the question who is calling.

        Until then only the token has said so; whom it names wrongly, no statement answers.
        """
        with wiring.database().reading(self._question(), prepared=True) as session:
            yield session, self._claimed

    @contextmanager
    def locking_at_once(self) -> Iterator[tuple[Session, Claims]]:
        """Do the same for a transaction in which the requests of one caller follow one another."""
        with wiring.database().transaction(self._question(lock=True), prepared=True) as session:
            yield session, self._claimed

    def _question(self, *, lock: bool = False) -> Piggyback:
        return question(self._claimed, self.role or "", self.now, lock=lock)

    def _caller(self, session: Session, *, lock: bool = False) -> Caller:
        return caller(session, self._claimed, self.role or "", self.now, lock=lock)

    @property
    def _claimed(self) -> Claims:
        assert self.claims, "the endpoint declares a role"  # noqa: S101
        return self.claims


class UnknownInvoker(Unauthorized):
    code, title = "unknown_invoker", "Not a caller of this function"

    def __init__(self) -> None:
        super().__init__("This function is called by the platform, with an identity token for it.")


def invoked_by(request: Request, audience: str, email: str) -> None:
    """Let in who presents an identity token for this audience of this service account; raises UnknownInvoker."""
    from infra.google.invokers import InvalidInvoker

    try:
        wiring.invokers(audience, email).verify(bearer(request))
    except (InvalidInvoker, InvalidToken) as error:
        raise UnknownInvoker from error


def address(request: Request, trusted_proxies: int) -> str:
    """Return where a request comes from: the entry of X-Forwarded-For that our own proxy wrote, counted from the right."""
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    return (hops[-trusted_proxies] if 0 < trusted_proxies <= len(hops) else request.remote_addr) or ""
