"""Runs the functions in this process on a test's database, without caches from other settings."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from infra.postgres.engine import PostgresDatabase
from tests.architecture.probe import placeholders


@contextmanager
def functions_on(db: PostgresDatabase) -> Iterator[pytest.MonkeyPatch]:
    """Run the functions on the database until the block ends; the patch may change more settings."""
    from functions import gateways, wiring

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    made = [each for each in (vars(wiring) | vars(gateways)).values() if hasattr(each, "cache_clear")]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in placeholders().items():
            patch.setenv(name, value)
        patch.setattr(wiring, "database", lambda: db)
        patch.setattr(wiring, "slow_query_database", lambda: db)
        for each in made:
            each.cache_clear()
        yield patch
    root.handlers[:], root.level = handlers, level  # a function configures its process's logging
    for each in made:
        each.cache_clear()
