"""Fixtures that send requests to every operation of the API."""

from collections.abc import Iterator

import pytest
import requests

from shared.lines.home_chef.visit import CHEF
from shared.users.models import ADMIN, CUSTOMER
from tests.http.guests import Guests, new_client
from tests.http.others import Others
from tests.system import Client, System


@pytest.fixture(scope="module")
def people(system: System) -> dict[str, Client]:
    """A client of each role; the chef has no weekly slots and is never offered a visit."""
    return {CUSTOMER: system.sign_in(), CHEF: new_client(system, CHEF), ADMIN: system.demo("admin")}


@pytest.fixture(scope="module")
def address(people: dict[str, Client]) -> str:
    """The id of the customer's address, which no chef serves, so that no visit is booked."""
    return people[CUSTOMER].address(latitude=28.6, longitude=77.2)


@pytest.fixture
def guests(system: System, people: dict[str, Client], address: str) -> Iterator[Guests]:
    """Yield the clients on a connection of their own, because servers close idle connections between tests."""
    with requests.Session() as http:
        yield Guests(people, address, system.urls, http)


@pytest.fixture(scope="module")
def others(system: System) -> Others:
    return Others(system.sign_in())
