"""A database of customers, copied for each side, so that both book with the same ids and tokens."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import insert

from infra import migrations
from infra.postgres.engine import PostgresDatabase
from shared.kit.settings import Keys
from shared.places.models import Address
from shared.sign_in.models import SignInSession
from shared.sign_in.tokens import AccessTokens
from shared.users.models import CUSTOMER, User
from tests.architecture.probe import SECRETS
from tests.make import Make, Person
from tests.postgres_server import database_of, shared_postgres

SLOTS = (
    "08:00",
    "10:30",
    "13:00",
    "15:30",
    "18:00",
    "20:30",
)  # two hours each and the gap between: all of a chef's day
HOME = {
    "full_address": "12 Hill Road",
    "city": "Mumbai",
    "pincode": "400050",
    "latitude": 19.0596,
    "longitude": 72.8295,
}


@dataclass(frozen=True)
class Member:
    """A signed-in customer, with the address they live at."""

    token: str
    address_id: UUID

    def booking(self, chef: Person, day: str, slot: str) -> dict[str, object]:
        """Return the request for two hours with a chef, as a crowd sends it."""
        body = {"address_id": str(self.address_id), "booking_date": day, "time_slot": slot, "chef_id": str(chef.id)}
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        return {"headers": headers | {"Idempotency-Key": uuid4().hex}, "body": json.dumps(body)}


@dataclass(frozen=True)
class World:
    """Customers and chefs in a database nobody is connected to."""

    url: str
    now: datetime
    members: list[Member]
    chefs: list[Person]

    def copy(self) -> str:
        """Return the URL of a new database with the same people."""
        return shared_postgres().new_database(template=database_of(self.url))

    def day(self, ahead: int) -> str:
        return (self.now + timedelta(days=ahead)).date().isoformat()


def world(members: int, chefs: int) -> World:
    url = shared_postgres().new_database()
    migrations.upgrade(url)
    database = PostgresDatabase(url, 1)
    make = Make(database, datetime.now(UTC))
    make.city()
    made = World(url, make.now, _members(database, members, make.now), [make.chef() for _ in range(chefs)])
    database.dispose()
    return made


def _members(database: PostgresDatabase, size: int, now: datetime) -> list[Member]:
    """Insert signed-in members by three statements, without the mails of a real sign-in."""
    tokens = AccessTokens(Keys.parse(SECRETS["JWT_KEYS"]), "bookings", "bookings-api", 86_400)
    people = [(uuid4(), uuid4(), uuid4()) for _ in range(size)]
    begun = {"rotated_at": now, "expires_at": now + timedelta(hours=12), "generation": 0}
    with database.transaction() as session:
        users = [{"id": user, "email": f"{user.hex}@test.example", "role": CUSTOMER} for user, _, _ in people]
        session.execute(insert(User).values(users))
        sessions = [{"id": one, "user_id": user, **begun} for user, one, _ in people]
        session.execute(insert(SignInSession).values(sessions))
        session.execute(insert(Address).values([{"id": one, "user_id": user, **HOME} for user, _, one in people]))
    return [Member(tokens.issue(user, one, CUSTOMER, now), address) for user, one, address in people]
