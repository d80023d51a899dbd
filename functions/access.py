"""Who is calling: a person with a token, or the platform with one of its own."""

from datetime import datetime

from flask import Request
from sqlalchemy.orm import Session

from functions import wiring
from shared.kit.database import Question
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


def question(claimed: Claims, role: str, now: datetime, *, lock: bool = False) -> Question:
    """Return the question who is calling, for a session's first statement to take along; it refuses the same."""
    return sessions.question(claimed, now, lambda known: _refuse_other_role(known, role), lock=lock)


def _refuse_other_role(known: Caller, role: str) -> None:
    if known.role != role:
        raise Forbidden(f"This is for the role {role}.")


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
