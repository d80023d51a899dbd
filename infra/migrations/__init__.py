"""Migrations: the schema from empty, one step a release, each with its way back.

Alembic is imported where there is a step to take: most releases have none.
"""

from pathlib import Path
from typing import Any

from pg8000 import dbapi
from sqlalchemy import Engine, create_engine, text

from infra.postgres.address import arguments

HERE = Path(__file__).parent
CONNECT_SECONDS = 3.0
# The lines of bookings that are not over, of refunds that have not reached their customer, of messages not handled.
UNFINISHED = text(
    "select distinct line from bookings b where status not in ('completed', 'cancelled')"
    " or exists (select from refunds r where r.booking_id = b.id and r.state <> 'done')"
    " or exists (select from outbox o where o.kind like b.line || '.%' and o.done_at is null and o.dead_at is null)"
    " order by line"
)
LOCK = 724_316_905  # two releases that migrate at once follow one another


def engine_for(url: str) -> Engine:
    """Return an engine of the plain driver, which waits for as long as a migration takes."""

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
    """Return the last revision of this release: each step's file begins with its own."""
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
    """Bring a database to a revision and return the ones before and after; at it already, it changes nothing.

    Nor does it change one that a later release has migrated: that release's code was taken back, its schema stays.
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
    """Take steps back, to a revision or to `base`: for the way back of a release, before its data matters."""
    from infra.migrations import steps

    engine = engine_for(url)
    try:
        steps.down(engine, target)
    finally:
        engine.dispose()
