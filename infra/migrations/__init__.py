"""Migrations: the schema from empty, one step a release, each with its way back."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from pg8000 import dbapi
from sqlalchemy import Engine, create_engine

from infra.postgres.address import arguments

HERE = Path(__file__).parent
CONNECT_SECONDS = 3.0
LOCK = 724_316_905  # two releases that migrate at once follow one another


def config(engine: Engine) -> Config:
    """Return alembic's configuration for a database, without a file beside the code."""
    chosen = Config()
    chosen.set_main_option("script_location", str(HERE))
    chosen.attributes["engine"] = engine
    return chosen


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
        return MigrationContext.configure(connection).get_current_revision()


def known(engine: Engine) -> set[str]:
    """Return the revisions of this release."""
    return {step.revision for step in ScriptDirectory.from_config(config(engine)).walk_revisions()}


def upgrade(url: str, target: str = "head") -> tuple[str | None, str | None]:
    """Bring a database to a revision and return the ones before and after; at it already, it changes nothing.

    Nor does it change one that a later release has migrated: that release's code was taken back, its schema stays.
    """
    engine = engine_for(url)
    try:
        before = revision(engine)
        if before is None or before in known(engine):
            command.upgrade(config(engine), target)
        return before, revision(engine)
    finally:
        engine.dispose()


def downgrade(url: str, target: str) -> None:
    """Take steps back, to a revision or to `base`: for the way back of a release, before its data matters."""
    engine = engine_for(url)
    try:
        command.downgrade(config(engine), target)
    finally:
        engine.dispose()
