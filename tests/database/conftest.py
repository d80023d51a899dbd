"""The functions' applications in this process, on the database of the test."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from infra.phonepe.v1.client import PhonePe
from infra.postgres.engine import PostgresDatabase
from shared.lines.home_chef.schemas import BookingView
from tests.database.in_process import functions_on
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
def in_process(db: PostgresDatabase) -> Iterator[None]:
    """Let the functions run in this process, on this database; what they have made of another's settings is forgotten."""
    with functions_on(db):
        yield


@pytest.fixture
def world(in_process: None, db: PostgresDatabase, gateway: PhonePe, phonepe: PhonePeServer) -> World:  # noqa: ARG001
    """It is as old as the test, whose clock is the endpoints' own."""
    return World(Make(db, datetime.now(UTC)), gateway, phonepe)
