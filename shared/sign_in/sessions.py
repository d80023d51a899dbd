"""Sessions: authenticate a caller, sign in, rotate and end (docs/product.md#sessions)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.kit import log, retention
from shared.kit.database import Piggyback
from shared.kit.errors import Unauthorized
from shared.kit.ids import new_id
from shared.kit.retention import purge_aged
from shared.sign_in.tokens import Claims, InvalidToken, RefreshToken
from shared.users.models import ADMIN

logger = log.logger(__name__)


class RefreshInvalid(Unauthorized):
    code, title = "invalid_refresh_token", "Invalid refresh token"

    def __init__(self) -> None:
        super().__init__("The refresh token has been used, has ended or is not valid here. Sign in again.")


@dataclass(frozen=True)
class Caller:
    """The authenticated caller: an active user with a live session, read from the database."""

    id: UUID
    role: str
    session_id: UUID
    name: str | None
    email: str | None


class Identified(Protocol):
    """An object with the caller's id: a `Caller`, or the `Claims` of a token that is verified with the first statement."""

    @property
    def id(self) -> UUID: ...


@dataclass(frozen=True)
class SignedIn:
    """A session that was just created or rotated; `generation` is that of its current refresh token."""

    user_id: UUID
    role: str
    session_id: UUID
    generation: int
    is_new_user: bool = False


@dataclass(frozen=True)
class Lifetimes:
    """The maximum lifetime of sessions and of admins' sessions, and the grace in which a rotated token still works."""

    session: timedelta
    admin: timedelta
    grace: timedelta


_CALLER = """
select u.id, u.role, s.id as session_id, u.name, u.email
from sessions s join users u on u.id = s.user_id
where s.id = :session and u.id = :user and s.ended_at is null and s.expires_at > :now and u.is_active
"""
_READ, _LOCK = text(_CALLER), text(_CALLER + " for no key update of u")


def caller(session: Session, claims: Claims, now: datetime, *, lock: bool = False) -> Caller:
    """Return the authenticated caller in one statement; `lock` also locks their row, the first in the order of locks.

    Raises InvalidToken if the session has ended or the user is deactivated, effective immediately.
    """
    return _caller_of(session.execute(_LOCK if lock else _READ, _caller_parameters(claims, now)).all())


def authentication_piggyback(
    claims: Claims, now: datetime, on_caller: Callable[[Caller], None], *, lock: bool = False
) -> Piggyback:
    """Return the statement of `caller` as a piggyback of a session's first statement; `on_caller` may raise Forbidden."""
    return Piggyback(
        _LOCK if lock else _READ, _caller_parameters(claims, now), lambda rows: on_caller(_caller_of(rows))
    )


def _caller_of(rows: Sequence[Sequence[Any]]) -> Caller:
    if not rows:
        raise InvalidToken
    return Caller(*rows[0])


def _caller_parameters(claims: Claims, now: datetime) -> dict[str, Any]:
    return {"session": claims.session_id, "user": claims.user_id, "now": now}


_BEGIN = text("""
with person as (
  insert into users (id, email) values (:user, :email)
  on conflict (email) do update set email = excluded.email
  returning id, role, is_active, (xmax = 0) as is_new
), begun as (
  insert into sessions (id, user_id, rotated_at, expires_at, created_at)
  select :session, id, :now, case role when :admin then :admin_until else cast(:until as timestamptz) end, :now
  from person where is_active
  returning id
)
select person.id, person.role, begun.id, 0, person.is_new from person join begun on true
""")


def begin(session: Session, email: str, lifetimes: Lifetimes, now: datetime) -> SignedIn | None:
    """Create a session for a verified email address, and its customer if new; returns None for a deactivated user."""
    row = session.execute(
        _BEGIN,
        {
            "user": new_id(),
            "email": email,
            "session": new_id(),
            "admin": ADMIN,
            "now": now,
            "until": now + lifetimes.session,
            "admin_until": now + lifetimes.admin,
        },
    ).one_or_none()
    return SignedIn(*row) if row else None


# One statement decides on the locked row. The current token is rotated. Its immediate predecessor, within the grace,
# gets the same successor again. An older token was copied, so the session ends.
_ROTATE = text("""
update sessions s set
  generation = case when s.generation = :presented then s.generation + 1 else s.generation end,
  rotated_at = case when s.generation = :presented then :now else s.rotated_at end,
  ended_at = case when s.generation = :presented then cast(null as timestamptz)
                  when s.generation = cast(:presented as int) + 1 and s.rotated_at > :grace then null else :now end,
  end_reason = case when s.generation = :presented then null
                    when s.generation = cast(:presented as int) + 1 and s.rotated_at > :grace then null else 'replayed' end
from users u
where u.id = s.user_id and s.id = :family and s.ended_at is null and s.expires_at > :now and u.is_active
returning u.id, u.role, s.id, s.generation, s.ended_at
""")


def rotate(session: Session, token: RefreshToken, lifetimes: Lifetimes, now: datetime) -> SignedIn | None:
    """Exchange a refresh token for its successor; returns None if it is invalid or was replayed.

    A replayed token ends its session.
    """
    parameters: dict[str, Any] = {"family": token.family, "presented": token.generation, "now": now}
    row = session.execute(_ROTATE, {**parameters, "grace": now - lifetimes.grace}).one_or_none()
    if row is None:
        return None
    user_id, role, session_id, generation, ended_at = row
    if ended_at is not None:
        logger.warning("refresh token replayed, session ended", extra=log.fields(session_id=str(session_id)))
        return None
    return SignedIn(user_id, role, session_id, generation)


_END = text("update sessions set ended_at = :now, end_reason = :reason where id = :id and ended_at is null")
_END_ALL = text("update sessions set ended_at = :now, end_reason = :reason where user_id = :user and ended_at is null")
_ISSUED_TO = text("select 1 from sessions s join users u on u.id = s.user_id where s.id = :family and u.email = :email")


def end(session: Session, session_id: UUID, reason: str, now: datetime) -> None:
    session.execute(_END, {"id": session_id, "reason": reason, "now": now})


def end_all(session: Session, user_id: UUID, reason: str, now: datetime) -> None:
    """End every session of a user: the next request with any of its tokens is refused."""
    session.execute(_END_ALL, {"user": user_id, "reason": reason, "now": now})


def was_issued_to(session: Session, token: RefreshToken, email: str) -> bool:
    """Return whether this token, valid or not, was issued to the user with the email address."""
    return session.execute(_ISSUED_TO, {"family": token.family, "email": email}).first() is not None


def purge(session: Session, now: datetime, limit: int) -> int:
    """Delete up to `limit` ended or expired sessions past their retention; returns how many."""
    return purge_aged(session, "sessions", "least(ended_at, expires_at)", now - retention.SESSIONS, limit)
