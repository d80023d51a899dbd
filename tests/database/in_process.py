"""Runs the functions in this process on a test's database."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from infra.postgres.engine import PostgresDatabase
from tests.framework import placeholder_settings


@contextmanager
def functions_on(db: PostgresDatabase) -> Iterator[pytest.MonkeyPatch]:
    """Run the functions on the database until the block ends; the patch may change more settings."""
    from functions import wiring

    with placeholder_settings() as patch:
        patch.setattr(wiring, "database", lambda: db)
        patch.setattr(wiring, "slow_query_database", lambda: db)
        yield patch
