from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.kit.base import for_update
from shared.users.models import User


def person(session: Session, user_id: UUID) -> User:
    return session.scalars(select(User).where(User.id == user_id)).one()


def change(session: Session, user_id: UUID, given: dict[str, Any]) -> User:
    """Set the given fields of a person; a phone that changes is no longer verified."""
    user: User = session.scalars(for_update(select(User).where(User.id == user_id))).one()
    if "phone" in given and given["phone"] != user.phone:
        user.phone_verified_at = None
    for name, value in given.items():
        setattr(user, name, value)
    return user
