"""The functions' applications in this process, on the database of the test."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from infra.phonepe.v1.client import PhonePe
from infra.postgres.engine import PostgresDatabase
from tests.architecture.probe import placeholders
from tests.database.world import World
from tests.make import Make
from tests.phonepe_server import PhonePeServer


@pytest.fixture
def world(
    db: PostgresDatabase, gateway: PhonePe, phonepe: PhonePeServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """It is as old as the test, whose clock is the endpoints' own."""
    from functions import wiring

    for name, value in placeholders().items():
        monkeypatch.setenv(name, value)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr(wiring, "database", lambda: db)
    for made in (wiring.settings, wiring.access_tokens):
        made.cache_clear()
    yield World(Make(db, datetime.now(UTC)), gateway, phonepe)
    root.handlers[:], root.level = handlers, level  # a function configures the process it starts in
    for made in (wiring.settings, wiring.access_tokens):
        made.cache_clear()
