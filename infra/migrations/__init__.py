"""Migrations: the schema from an empty database, one step per release, each with a downgrade.

Alembic is imported only if there is a step to run: most releases have none.
"""

from pathlib import Path
from typing import Any

from pg8000 import dbapi
from sqlalchemy import Engine, create_engine, text

from infra.postgres.address import arguments

HERE = Path(__file__).parent
CONNECT_SECONDS = 3.0
# Lines with unfinished bookings, with refunds that have not reached the customer, or with unhandled outbox messages.
UNFINISHED = text(
    "select distinct line from bookings b where status not in ('completed', 'cancelled')"
    " or exists (select from refunds r where r.booking_id = b.id and r.state <> 'done')"
    " or exists (select from outbox o where o.kind like b.line || '.%' and o.done_at is null and o.dead_at is null)"
    " order by line"
)
LOCK = 724_316_905  # an advisory lock: two releases that migrate at the same time run one after the other


def engine_for(url: str) -> Engine:
    """Return an engine on plain pg8000, without timeouts, because a migration may take long."""

    def connect() -> Any:
        given = arguments(url)
        dial = given.pop("dial", None)
        return dbapi.connect(**given, sock=dial(CONNECT_SECONDS, None) if dial else None)

    return create_engine("postgresql+pg8000://", creator=connect)


def revision(engine: Engine) -> str | None:
    """Return the revision a database is at; None for an empty one."""
    with engine.connect() as connection:
        if connection.scalar(text("select to_regclass('alembic_version')")) is None:
            return None
        at: str | None = connection.scalar(text("select version_num from alembic_version"))
        return at


def head() -> str:
    """Return the last revision of this release; the file name of each step begins with its revision."""
    return max(path.name.partition("_")[0] for path in HERE.glob("versions/[0-9]*.py"))


def unfinished_lines(url: str) -> list[str]:
    """Return the lines of business that have unfinished bookings, refunds or outbox messages; none of an empty database."""
    engine = engine_for(url)
    try:
        with engine.connect() as connection:
            if connection.scalar(text("select to_regclass('bookings')")) is None:
                return []
            return list(connection.scalars(UNFINISHED))
    finally:
        engine.dispose()


def upgrade(url: str, target: str = "head") -> tuple[str | None, str | None]:
    """Migrate a database to a revision and return its revisions before and after; without a step, change nothing.

    A database that a later release has migrated stays unchanged: that release was rolled back, its schema stays.
    """
    engine = engine_for(url)
    try:
        before = revision(engine)
        if before == (head() if target == "head" else target):
            return before, before
        from infra.migrations import steps

        steps.up(engine, before, target)
        return before, revision(engine)
    finally:
        engine.dispose()


def downgrade(url: str, target: str) -> None:
    """Downgrade to a revision or to `base`: to roll back a release before its data matters."""
    from infra.migrations import steps

    engine = engine_for(url)
    try:
        steps.down(engine, target)
    finally:
        engine.dispose()
