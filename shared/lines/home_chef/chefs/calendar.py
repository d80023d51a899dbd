"""When a chef works is decided one change after another: each takes the chef first and moves the calendar on."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

_TOUCH = text("""
with chef as (select id from users where id = :chef for no key update)
update chef_profiles set calendar_version = calendar_version + 1 from chef where user_id = chef.id
""")


def touch(session: Session, chef_id: UUID) -> None:
    """Take a chef's row until the transaction ends, then move their calendar's version on.

    Called before anything that decides when or whether the chef works is read or changed (the week, the days off,
    `is_available`, `service_city`, `is_verified`, `users.is_active`): a booking decided on an older version is decided anew.
    """
    session.execute(_TOUCH, {"chef": chef_id})
