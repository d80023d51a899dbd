"""The chefs as admins find them."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, func, or_, select, text
from sqlalchemy.orm import Session

from shared.kit.errors import NotFound
from shared.kit.paging import Position, after, page_of
from shared.lines.home_chef.chefs.registry.schemas import ChefQuery
from shared.lines.home_chef.lifecycle import CHEF
from shared.lines.home_chef.models import ChefProfile, WeeklySlot
from shared.users.models import User
from shared.users.queries import like

Registered = tuple[User, ChefProfile]


class ChefNotFound(NotFound):
    code = "chef_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such chef.")


def listed(session: Session, query: ChefQuery) -> tuple[list[Registered], str | None]:
    """Return a page of the chefs who are meant, the newest first, in one statement."""
    statement = _meant(query).where(*after(query, User.created_at, User.id))
    statement = statement.order_by(User.created_at.desc(), User.id.desc()).limit(query.limit + 1)
    rows = [(row[0], row[1]) for row in session.execute(statement)]
    return page_of(rows, query.limit, lambda row: Position(row[0].created_at, row[0].id))


def _meant(query: ChefQuery) -> Select[User, ChefProfile]:
    statement = select(User, ChefProfile).join(ChefProfile, ChefProfile.user_id == User.id)
    statement = statement.where(User.role == CHEF)
    if query.city is not None:
        statement = statement.where(func.lower(ChefProfile.service_city) == query.city.lower())
    if query.is_verified is not None:
        statement = statement.where(ChefProfile.is_verified == query.is_verified)
    if query.is_active is not None:
        statement = statement.where(User.is_active == query.is_active)
    if query.q is not None:
        in_city = ChefProfile.service_city.istartswith(query.q, autoescape=True)
        statement = statement.where(or_(like(query.q), in_city))
    return statement


def chef(session: Session, chef_id: UUID) -> Registered:
    """Return a chef's person and profile as they are now; raises ChefNotFound."""
    statement = select(User, ChefProfile).join(ChefProfile, ChefProfile.user_id == User.id).where(User.id == chef_id)
    row = session.execute(statement, execution_options={"populate_existing": True}).one_or_none()
    if row is None:
        raise ChefNotFound
    return row[0], row[1]


def week(session: Session, chef_id: UUID) -> Sequence[WeeklySlot]:
    statement = select(WeeklySlot).where(WeeklySlot.chef_id == chef_id)
    return session.scalars(statement.order_by(WeeklySlot.weekday, WeeklySlot.starts)).all()


@dataclass(frozen=True)
class Chefs:
    """How many chefs there are, and of how many each of these is true."""

    total: int
    verified: int
    available: int
    active: int


_CHEFS = text("""
select count(*), count(*) filter (where c.is_verified), count(*) filter (where c.is_available),
  count(*) filter (where u.is_active)
from chef_profiles c join users u on u.id = c.user_id
""")


def chefs(session: Session) -> Chefs:
    return Chefs(*session.execute(_CHEFS).one())
