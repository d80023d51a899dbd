from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, text
from sqlalchemy.orm import Session

from shared.kit import daily_rollup
from shared.kit.base import for_update
from shared.kit.date_range import DateRange
from shared.kit.errors import NotFound
from shared.kit.paging import Position, after, page_of
from shared.users.models import CUSTOMER, User, UserDay
from shared.users.schemas import UserQuery


class UserNotFound(NotFound):
    code = "user_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such person.")


def person(session: Session, user_id: UUID) -> User:
    return session.scalars(select(User).where(User.id == user_id)).one()


def locked(session: Session, user_id: UUID) -> User:
    """Return a user, locked until the transaction ends; raises UserNotFound."""
    user: User | None = session.scalars(for_update(select(User).where(User.id == user_id))).one_or_none()
    if user is None:
        raise UserNotFound
    return user


def change(session: Session, user_id: UUID, given: dict[str, Any]) -> User:
    """Set the given fields of a user; a changed phone is no longer verified. Raises UserNotFound."""
    user = locked(session, user_id)
    if "phone" in given and given["phone"] != user.phone:
        user.phone_verified_at = None
    for name, value in given.items():
        setattr(user, name, value)
    return user


def matches_search(words: str) -> ColumnElement[bool]:
    """Return the SQL condition of a search: part of a name, or the beginning of an email address or phone number."""
    return or_(
        User.name.icontains(words, autoescape=True),
        User.email.istartswith(words, autoescape=True),
        func.ltrim(User.phone, "+").startswith(words.lstrip("+") or words, autoescape=True),
    )


def listed(session: Session, query: UserQuery) -> tuple[list[User], str | None]:
    """Return a page of the users that match a query, the newest first."""
    wanted = {User.role: query.role, User.is_active: query.is_active}
    statement = select(User).where(*after(query, User.created_at, User.id))
    statement = statement.where(*(column == value for column, value in wanted.items() if value is not None))
    if query.q is not None:
        statement = statement.where(matches_search(query.q))
    rows = session.scalars(statement.order_by(User.created_at.desc(), User.id.desc()).limit(query.limit + 1)).all()
    return page_of(rows, query.limit, lambda row: Position(row.created_at, row.id))


@dataclass(frozen=True)
class Headcount:
    """The number of users with a role: all, those who may sign in, and those created in a period."""

    role: str
    total: int
    active: int
    new: int


# Nearly all users are active customers: the statement counts the others and subtracts them from the total.
_NEW = "created_at >= cast(:start as timestamptz) and created_at < cast(:until as timestamptz)"
_HEADCOUNTS = text(f"""
with others as (
  select role, count(*) as total, count(*) filter (where is_active) as active, count(*) filter (where {_NEW}) as new
  from users where role < '{CUSTOMER}' or role > '{CUSTOMER}' group by role
), everybody as (
  select sum(total) as total, sum(new) as new from (
    select count(*) as total, count(*) filter (where {_NEW}) as new from users where created_at >= :open_from
    union all select 0, sum(made) from user_days where day between :first and :last and day < :open_day
    union all select total, 0 from user_days where day = cast(:open_day as date) - 1
  ) of_days
), customers as (
  select everybody.total - coalesce(sum(others.total), 0) as total, everybody.new - coalesce(sum(others.new), 0) as new,
    (select count(*) from users where not is_active and role = '{CUSTOMER}') as inactive
  from everybody left join others on true group by everybody.total, everybody.new
)
select role, total, active, new from others
union all
select '{CUSTOMER}', total::bigint, (total - inactive)::bigint, new::bigint from customers where total > 0
order by role
""")


def headcounts(session: Session, period: DateRange) -> list[Headcount]:
    """Count users by role, and those created in a period of days (of India), in two statements."""
    of_period = {"start": period.start, "until": period.until, "first": period.first, "last": period.last}
    rows = session.execute(_HEADCOUNTS, of_period | daily_rollup.still_open(session, UserDay.day))
    return [Headcount(*row) for row in rows]
