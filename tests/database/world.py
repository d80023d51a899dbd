"""One user of each role with growing lists, requested through the functions' apps."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from itertools import count
from typing import Any

from functions import wiring
from infra.phonepe.v1.client import PhonePe
from shared.kit.ids import new_id
from shared.ledger import queries as ledger
from shared.ledger.postings import AccountCode, Kind, Posting
from shared.lines.home_chef.visit import CHEF
from shared.payments.reconciliation.comparison import Theirs
from shared.sign_in import sessions
from shared.sign_in.sessions import Lifetimes
from shared.users.models import ADMIN, CUSTOMER
from tests.framework import client
from tests.http.bad_input import Operation
from tests.make import Make, Person
from tests.phonepe_server import PhonePeServer

LIFETIMES = Lifetimes(timedelta(days=30), timedelta(hours=12), timedelta(seconds=10))


@dataclass
class World:
    """A world in which every row has the same instant, so that only ids order them."""

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
        self.tokens |= {role: self.token(role) for role in self.people}

    def grow(self) -> None:
        """Add one more of everything that is listed."""
        self.completed()
        for add in dict.fromkeys(ROWS.values()):
            add(self)

    def add(self, table: str, **values: Any) -> Any:
        """Insert a row by raw SQL; returns its id."""
        row = {"id": new_id(), **values}
        names = ", ".join(row)
        self.make.run(f"insert into {table} ({names}) values ({', '.join(f':{name}' for name in row)})", **row)
        return row["id"]

    def address(self) -> None:
        known = {"full_address": "12 Hill Road", "city": "Mumbai", "pincode": "400050", "created_at": self.make.now}
        added = self.add("addresses", user_id=self.people[CUSTOMER].id, **known)
        self.ids.setdefault("address_id", added)

    def visit(self) -> None:
        """Book and pay a visit on a day of its own; both sides are notified."""
        day, chef = self.make.day(next(self._days)), self.people[CHEF].id
        customer = self.people[CUSTOMER]
        booking, txn = self.make.paid(self.gateway, self.phonepe, customer, booking_date=day, chef_id=chef)
        self.ids |= {"booking_id": booking.id, "txn": txn}

    def completed(self) -> None:
        """Complete one visit, which has an invoice."""
        if "completed_id" not in self.ids:
            day, chef = self.make.day(next(self._days)), self.people[CHEF].id
            booking, _ = self.make.paid(
                self.gateway, self.phonepe, self.people[CUSTOMER], booking_date=day, chef_id=chef
            )
            self.make.step(booking, "confirmed", "in_progress", "completed")
            self.ids["completed_id"] = booking.id

    def earning(self) -> None:
        """Post the chef's earning of 100 rupees for a visit, as its completion does."""
        self.visit()
        payable = Posting(AccountCode.PROVIDER_PAYABLE, -100_00, self.people[CHEF].id)
        lines = [Posting(AccountCode.CUSTOMER_ADVANCE, 100_00), payable]
        with self.make.db.transaction() as session:
            ledger.post(session, Kind.COMPLETED, new_id(), self.ids["booking_id"], lines, at=self.make.now)

    def user(self) -> None:
        self.add("users", created_at=self.make.now)

    def chef(self) -> None:
        self.ids.setdefault("chef_id", self.make.chef().id)

    def day_off(self) -> None:
        day = self.make.day(next(self._days) + 100)
        self.add("provider_days_off", provider_id=self.people[CHEF].id, day=day, created_at=self.make.now)

    def location(self) -> None:
        self.add("locations", city=f"City {new_id()}", state="Goa")

    def audit_entry(self) -> None:
        names = {"actor_id": self.people[ADMIN].id, "subject_id": self.people[CHEF].id}
        fields = {"action": "chef.verified", "subject": "chef", "address": "192.0.2.1", "request_id": "r"}
        self.add("audit_log", at=self.make.now, **names, **fields)

    def exception(self) -> None:
        self.add("exceptions", kind="wrong_amount", subject_id=new_id(), facts="{}", created_at=self.make.now)

    def reconciliation(self) -> None:
        counts = dict.fromkeys(("asked", "silent", "failed", "given_up"), 1)
        self.add("reconciliation_runs", started_at=self.make.now, **counts)

    def task(self) -> None:
        at = dict.fromkeys(("created_at", "due_at", "next_try_at", "dead_at"), self.make.now)
        self.add("outbox", kind="nobody.knows", payload="{}", **at)

    def reconciled_day(self) -> None:
        day = self.make.day(-next(self._days))
        self.make.run("insert into reconciliation_days (day) values (:day)", day=day)

    def reconciled(self) -> None:
        """Add a reconciliation row; its day is always the same."""
        day, at = self.make.day(-1), self.make.now
        self.make.run("insert into reconciliation_days (day) values (:day) on conflict do nothing", day=day)
        named = {"day": day, "gateway": "phonepe", "kind": "notification", "our_id": str(new_id())}
        gateway_answer = json.dumps(asdict(Theirs("pending", "PAYMENT_PENDING", None, None, None, None)))
        found = {"outcome": "theirs_only", "theirs": gateway_answer, "created_at": at, "compared_at": at}
        self.ids["row_id"] = self.add("reconciliation_rows", **named, **found)

    def get(self, operation: Operation, **query: Any) -> dict[str, Any]:
        """Call an operation as its role, on existing rows; returns the answer's body."""
        ids = self._ids(operation)
        unknown = set(operation.named("path")) - ids.keys()
        assert not unknown, f"say in tests/database/world.py how to make {unknown}, which {operation} names"
        path = re.sub(r"{(\w+)}", lambda name: str(ids[name[1]]), operation.path)
        target = getattr(import_module(f"functions.{operation.function}"), operation.function)
        headers = {"Authorization": f"Bearer {self.tokens[str(operation.role)]}"}
        parameters = self._required_parameters(operation) | query
        answer = client(target.app).get(path, query_string=parameters, headers=headers)
        assert answer.status_code == 200, answer.text
        return dict(answer.json)

    def _ids(self, operation: Operation) -> dict[str, Any]:
        """Return the path's ids: of existing rows, or of the row this operation needs."""
        if str(operation) in OF_COMPLETED:
            return self.ids | {"booking_id": self.ids["completed_id"]}
        return self.ids | ({"chef_id": self.people[CHEF].id} if str(operation) in CHEF_ID_OPERATIONS else {})

    def _required_parameters(self, operation: Operation) -> dict[str, Any]:
        """Return the operation's required query parameters."""
        known = {
            "booking_date": self.make.day(50),
            "time_slot": "12:00",
            "address_id": self.people[CUSTOMER].address_id,
        }
        needed = {one["name"] for one in operation.parameters if one["in"] == "query" and one["required"]}
        return {name: known[name] for name in needed} | REQUIRED_PARAMETERS.get(str(operation), {})

    def token(self, role: str) -> str:
        [(email,)] = self.make.rows("select email from users where id = :id", id=self.people[role].id)
        with self.make.db.transaction() as session:
            begun = sessions.begin(session, email, LIFETIMES, self.make.now)
        assert begun
        return wiring.access_tokens().issue(begun.user_id, begun.session_id, role, datetime.now(UTC))


OF_COMPLETED = {"GET /customer/bookings/{booking_id}/invoice"}
CHEF_ID_OPERATIONS = {"GET /admin/chefs/{chef_id}/statement"}
REQUIRED_PARAMETERS = {"GET /customer/chefs": {"city": "Mumbai"}}
# Adds one more row to each list.
ROWS: dict[str, Callable[[World], None]] = {
    "GET /customer/addresses": World.address,
    "GET /customer/bookings": World.visit,
    "GET /customer/chefs": World.chef,
    "GET /customer/notifications": World.visit,
    "GET /chef/bookings": World.visit,
    "GET /chef/days-off": World.day_off,
    "GET /chef/earnings": World.earning,
    "GET /chef/notifications": World.visit,
    "GET /admin/audit": World.audit_entry,
    "GET /admin/bookings": World.visit,
    "GET /admin/chefs": World.chef,
    "GET /admin/chefs/{chef_id}/statement": World.earning,
    "GET /admin/exceptions": World.exception,
    "GET /admin/locations": World.location,
    "GET /admin/payments": World.visit,
    "GET /admin/reconciliations": World.reconciliation,
    "GET /admin/tasks": World.task,
    "GET /admin/reconciliations/days": World.reconciled_day,
    "GET /admin/reconciliations/rows": World.reconciled,
    "GET /admin/users": World.user,
}
