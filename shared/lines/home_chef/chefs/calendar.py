"""What decides whether and when a chef works changes under one lock, and is counted."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

_LOCK = text("select 1 from users where id = :chef for no key update")
_MOVE_ON = text("update chef_profiles set calendar_version = calendar_version + 1 where user_id = :chef")


def touch(session: Session, chef_id: UUID) -> None:
    """Take the chef's row, as whoever books them does, and move their calendar on."""
    session.execute(_LOCK, {"chef": chef_id})
    session.execute(_MOVE_ON, {"chef": chef_id})
