"""Who attacks every operation, whatever it is."""

from collections.abc import Iterator

import pytest
import requests

from tests.http.guests import Guests
from tests.system import Client, System


@pytest.fixture(scope="module")
def people(system: System) -> tuple[Client, Client, str]:
    """A customer whose address nobody serves, so that no visit is booked, and a chef who is never offered one."""
    customer, chef = system.sign_in(), system.sign_in()
    system.sql("update users set role = 'chef' where email = :email", email=chef.email)
    system.sql("insert into chef_profiles (user_id) select id from users where email = :email", email=chef.email)
    return customer, chef, customer.address(latitude=28.6, longitude=77.2)


@pytest.fixture
def guests(system: System, people: tuple[Client, Client, str]) -> Iterator[Guests]:
    """They come with a connection of their own, as one that rests between two tests is soon closed."""
    with requests.Session() as http:
        yield Guests(system, *people, system.urls, http)
