"""The functions' applications in this process, on the database of the test."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from infra.phonepe.v1.client import PhonePe
from infra.postgres.engine import PostgresDatabase
from shared.lines.home_chef.schemas import BookingView
from tests.architecture.probe import placeholders
from tests.database.world import World
from tests.make import Make, Person
from tests.phonepe_server import PhonePeServer


@pytest.fixture
def customer(make: Make) -> Person:
    return make.customer()


@pytest.fixture
def booking(make: Make, customer: Person) -> BookingView:
    """A visit the customer has booked and not paid."""
    return make.booking(customer)


@pytest.fixture
def our_id(make: Make, gateway: PhonePe, customer: Person, booking: BookingView) -> str:
    """Our id of the payment the customer has begun for the booking."""
    return make.page(gateway, customer, booking.id).merchant_txn_id


@pytest.fixture
def in_process(db: PostgresDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the functions run in this process, on this database; what they have made of another's settings is forgotten."""
    from functions import wiring

    for name, value in placeholders().items():
        monkeypatch.setenv(name, value)
    made = [each for each in vars(wiring).values() if hasattr(each, "cache_clear")]
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr(wiring, "database", lambda: db)
    for each in made:
        each.cache_clear()
    yield
    root.handlers[:], root.level = handlers, level  # a function configures the process it starts in
    for each in made:
        each.cache_clear()


@pytest.fixture
def world(in_process: None, db: PostgresDatabase, gateway: PhonePe, phonepe: PhonePeServer) -> World:  # noqa: ARG001
    """It is as old as the test, whose clock is the endpoints' own."""
    return World(Make(db, datetime.now(UTC)), gateway, phonepe)
