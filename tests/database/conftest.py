"""The functions' apps in this process, on the test's database."""

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
    """Return a booked, unpaid visit of the customer."""
    return make.booking(customer)


@pytest.fixture
def our_id(make: Make, gateway: PhonePe, customer: Person, booking: BookingView) -> str:
    """Return our id of the customer's payment for the booking."""
    return make.page(gateway, customer, booking.id).merchant_txn_id


@pytest.fixture
def in_process(db: PostgresDatabase) -> Iterator[None]:
    """Run the functions in this process on this database, without caches from other settings."""
    with functions_on(db):
        yield


@pytest.fixture
def world(in_process: None, db: PostgresDatabase, gateway: PhonePe, phonepe: PhonePeServer) -> World:  # noqa: ARG001
    """Return a world as old as the test, whose clock is the endpoints' own."""
    return World(Make(db, datetime.now(UTC)), gateway, phonepe)
