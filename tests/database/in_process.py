"""The functions in this process, on a database of a test; what they have made of another's settings is forgotten."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from infra.postgres.engine import PostgresDatabase
from tests.architecture.probe import placeholders


@contextmanager
def functions_on(db: PostgresDatabase) -> Iterator[pytest.MonkeyPatch]:
    """Let them run until the block ends; the patch may say more of what they are given."""
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
    root.handlers[:], root.level = handlers, level  # a function configures the process it starts in
    for each in made:
        each.cache_clear()
