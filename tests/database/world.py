"""One person of each role and more and more of what they see, asked for at the functions' own applications."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from itertools import count
from typing import Any

from functions import wiring
from infra.phonepe.client import PhonePe
from shared.kit.ids import new_id
from shared.lines.home_chef.lifecycle import CHEF
from shared.places.models import Address
from shared.sign_in import sessions
from shared.sign_in.sessions import Lifetimes
from shared.users.models import ADMIN, CUSTOMER
from tests.http.bad_input import Operation
from tests.make import Make, Person
from tests.phonepe_server import PhonePeServer

LIVES = Lifetimes(timedelta(days=30), timedelta(hours=12), timedelta(seconds=10))


@dataclass
class World:
    """Everything in it was made at the same instant, so that only its id tells a row from the next."""

    make: Make
    gateway: PhonePe
    phonepe: PhonePeServer
    people: dict[str, Person] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    ids: dict[str, Any] = field(default_factory=dict)
    _days: Any = field(default_factory=lambda: count(3))

    def __post_init__(self) -> None:
        admin = Person(new_id(), ADMIN)
        statement = "insert into users (id, email, role) values (:id, 'admin@test.example', :role)"
        self.make.run(statement, id=admin.id, role=ADMIN)
        self.people |= {CUSTOMER: self.make.customer(), CHEF: self.make.chef(), ADMIN: admin}
        self.tokens |= {role: self._token(role) for role in self.people}

    def grow(self) -> None:
        """Add one more of everything that is listed."""
        for add in dict.fromkeys(ROWS.values()):
            add(self)

    def address(self) -> None:
        kept = {"full_address": "12 Hill Road", "city": "Mumbai", "pincode": "400050", "created_at": self.make.now}
        with self.make.db.transaction() as session:
            address = Address(id=new_id(), user_id=self.people[CUSTOMER].id, **kept)
            session.add(address)
        self.ids.setdefault("address_id", address.id)

    def visit(self) -> None:
        """Book and pay a visit on a day of its own."""
        day = self.make.day(next(self._days))
        booking, txn = self.make.paid(self.gateway, self.phonepe, self.people[CUSTOMER], booking_date=day)
        self.ids.setdefault("booking_id", booking.id)
        self.ids.setdefault("txn", txn)

    def get(self, operation: Operation, **query: Any) -> dict[str, Any]:
        """Ask as who it is for, naming what there is; returns the answer's body."""
        unknown = set(operation.named("path")) - self.ids.keys()
        assert not unknown, f"say in tests/database/world.py how to make {unknown}, which {operation} names"
        path = re.sub(r"{(\w+)}", lambda name: str(self.ids[name[1]]), operation.path)
        target = getattr(import_module(f"functions.{operation.function}"), operation.function)
        headers = {"Authorization": f"Bearer {self.tokens[str(operation.role)]}"}
        answer = target.app.test_client().get(path, query_string=query, headers=headers)
        assert answer.status_code == 200, answer.text
        return dict(answer.json)

    def _token(self, role: str) -> str:
        [(email,)] = self.make.rows("select email from users where id = :id", id=self.people[role].id)
        with self.make.db.transaction() as session:
            begun = sessions.begin(session, email, LIVES, self.make.now)
        assert begun
        return wiring.access_tokens().issue(begun.user_id, begun.session_id, role, datetime.now(UTC))


# How one more row comes into each list.
ROWS: dict[str, Callable[[World], None]] = {
    "GET /customer/addresses": World.address,
    "GET /customer/bookings": World.visit,
    "GET /chef/bookings": World.visit,
}
