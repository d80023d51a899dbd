"""Crowds: many signed-in customers, created in the database, who act at the same moment."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import requests
from sqlalchemy import insert

from infra.postgres.engine import PostgresDatabase
from shared.kit.settings import Keys
from shared.places.models import Address
from shared.sign_in.models import SignInSession
from shared.sign_in.tokens import AccessTokens
from shared.users.models import CUSTOMER, User
from tests.system import Client, System


class Member:
    """A customer of the crowd with their own connection; `client` has a single customer's calls."""

    def __init__(self, system: System, email: str, token: str, address_id: UUID) -> None:
        self.api, self.address_id = system.api, str(address_id)
        self.client = Client(system, email, {"access_token": token})
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str) -> requests.Response:
        return self.http.get(self.api + path, timeout=60)

    def post(self, path: str, body: Any, **headers: str) -> requests.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(self.api + path, json=body, headers=named, timeout=60)


def crowd(system: System, size: int) -> list[Member]:
    """Make customers with an address each, signed in without mails."""
    now = datetime.now(UTC)
    tokens = AccessTokens(Keys.parse(system.env["JWT_KEYS"]), "bookings", "bookings-api", 3600)
    people = [(uuid4(), uuid4(), uuid4()) for _ in range(size)]
    database = PostgresDatabase(system.env["DATABASE_URL"], 1)
    with database.transaction() as session:
        users = [{"id": user, "email": f"{user.hex}@test.example", "role": CUSTOMER} for user, _, _ in people]
        session.execute(insert(User).values(users))
        begun = {"rotated_at": now, "expires_at": now + timedelta(hours=1), "generation": 0}
        session.execute(
            insert(SignInSession).values([{"id": one, "user_id": user, **begun} for user, one, _ in people])
        )
        home = {
            "full_address": "12 Hill Road",
            "city": "Mumbai",
            "pincode": "400050",
            "latitude": 19.06,
            "longitude": 72.83,
        }
        session.execute(insert(Address).values([{"id": one, "user_id": user, **home} for user, _, one in people]))
    database.dispose()
    return [
        Member(system, f"{user.hex}@test.example", tokens.issue(user, one, CUSTOMER, now), address)
        for user, one, address in people
    ]


def at_once(actions: Sequence[Callable[[], requests.Response]]) -> list[requests.Response]:
    """Call all functions at the same moment, each in its own thread; returns their answers."""
    barrier = threading.Barrier(len(actions))

    def act(action: Callable[[], requests.Response]) -> requests.Response:
        barrier.wait(30)
        return action()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(act, actions))


def leave(members: Sequence[Member]) -> None:
    for member in members:
        member.http.close()
