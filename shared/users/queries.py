from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, text
from sqlalchemy.orm import Session

from shared.kit.base import for_update
from shared.kit.errors import NotFound
from shared.kit.paging import Position, after, page_of
from shared.kit.period import Period
from shared.users.models import User
from shared.users.schemas import UserQuery


class UserNotFound(NotFound):
    code = "user_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such person.")


def person(session: Session, user_id: UUID) -> User:
    return session.scalars(select(User).where(User.id == user_id)).one()


def locked(session: Session, user_id: UUID) -> User:
    """Return a person whose row is ours until the transaction ends; raises UserNotFound."""
    user: User | None = session.scalars(for_update(select(User).where(User.id == user_id))).one_or_none()
    if user is None:
        raise UserNotFound
    return user


def change(session: Session, user_id: UUID, given: dict[str, Any]) -> User:
    """Set the given fields of a person; a phone that changes is no longer verified."""
    user = locked(session, user_id)
    if "phone" in given and given["phone"] != user.phone:
        user.phone_verified_at = None
    for name, value in given.items():
        setattr(user, name, value)
    return user


def like(words: str) -> ColumnElement[bool]:
    """Return the condition that somebody is called so, or has an address or a number that begins so."""
    return or_(
        User.name.icontains(words, autoescape=True),
        User.email.istartswith(words, autoescape=True),
        func.ltrim(User.phone, "+").startswith(words.lstrip("+") or words, autoescape=True),
    )


def listed(session: Session, query: UserQuery) -> tuple[list[User], str | None]:
    """Return a page of everybody who is meant, the newest first."""
    wanted = {User.role: query.role, User.is_active: query.is_active}
    statement = select(User).where(*after(query, User.created_at, User.id))
    statement = statement.where(*(column == value for column, value in wanted.items() if value is not None))
    if query.q is not None:
        statement = statement.where(like(query.q))
    rows = session.scalars(statement.order_by(User.created_at.desc(), User.id.desc()).limit(query.limit + 1)).all()
    return page_of(rows, query.limit, lambda row: Position(row.created_at, row.id))


@dataclass(frozen=True)
class Headcount:
    """How many people have a role: all of them, those who may sign in, those who came in a period."""

    role: str
    total: int
    active: int
    new: int


_HEADCOUNTS = text("""
select role, count(*), count(*) filter (where is_active),
  count(*) filter (where created_at >= cast(:start as timestamptz) and created_at < cast(:until as timestamptz))
from users group by role order by role
""")


def headcounts(session: Session, period: Period) -> list[Headcount]:
    rows = session.execute(_HEADCOUNTS, {"start": period.start, "until": period.until})
    return [Headcount(*row) for row in rows]
