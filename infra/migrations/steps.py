"""Runs migration steps with alembic."""

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from infra.migrations import HERE


def up(engine: Engine, before: str | None, target: str) -> None:
    """Upgrade to a revision from one of this release; from another release's revision, do nothing."""
    steps = ScriptDirectory.from_config(_config(engine))
    if before is None or before in {step.revision for step in steps.walk_revisions()}:
        command.upgrade(_config(engine), target)


def down(engine: Engine, target: str) -> None:
    command.downgrade(_config(engine), target)


def _config(engine: Engine) -> Config:
    """Return alembic's configuration for a database, without a file beside the code."""
    chosen = Config()
    chosen.set_main_option("script_location", str(HERE))
    chosen.attributes["engine"] = engine
    return chosen
