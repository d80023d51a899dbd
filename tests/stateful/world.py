"""The machine's world: users created once and copied for each example, and a gateway that records its answers."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any
from unittest.mock import patch
from uuid import UUID

from functions.wiring import line
from infra import migrations
from infra.postgres.engine import PostgresDatabase
from shared.appointments import assignment
from shared.appointments.providers import registration
from shared.bookings import blocking, expiry
from shared.bookings.history import Actor
from shared.kit import ids
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.schemas import ChefChange
from shared.payments.gateway import GatewayAnswer, GatewayStatus, GatewayUnavailable, Order, RefundOrder
from shared.users.models import ADMIN
from shared.users.schemas import UserChange
from tests.fakes import ScriptedGateway
from tests.make import Make, Person
from tests.play import Play
from tests.postgres_server import database_of, plain_connection, shared_postgres

START = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)  # a Friday, 10:30 in Mumbai
RATES = (399_00, 450_00, 5_000_00)


@dataclass(frozen=True)
class People:
    """A template database and its users."""

    template: str
    customers: list[Person]
    chefs: list[Person]

    @classmethod
    def made(cls) -> "People":
        url = shared_postgres().new_database()
        migrations.upgrade(url)
        database = PostgresDatabase(url)
        make = Make(database, START)
        people = cls(database_of(url), [make.customer() for _ in range(3)], [make.chef(rate) for rate in RATES])
        database.dispose()
        return people


@dataclass
class RecordingGateway(ScriptedGateway):
    """A gateway that records the successes it returned: payments as ordered, and completed refunds."""

    loses_next_answer: bool = False  # executes the next call and loses its answer
    collected: set[str] = field(default_factory=set)
    returned: set[str] = field(default_factory=set)

    def start(self, order: Order) -> str:
        page = super().start(order)
        self._lose_answer()
        return page

    def payment(self, merchant_txn_id: str) -> GatewayAnswer:
        return self._record(super().payment(merchant_txn_id), merchant_txn_id, self.collected)

    def refund(self, order: RefundOrder) -> GatewayAnswer:
        answer = super().refund(order)
        self._lose_answer()
        return self._record(answer, order.merchant_refund_id, self.returned)

    def _lose_answer(self) -> None:
        if self.loses_next_answer:
            self.loses_next_answer = False
            raise GatewayUnavailable("lost")

    def refund_status(self, merchant_refund_id: str) -> GatewayAnswer:
        return self._record(super().refund_status(merchant_refund_id), merchant_refund_id, self.returned)

    def has_succeeded(self, our_id: str) -> bool:
        """Return whether the gateway now reports success for this payment or refund, as ordered."""
        answer = self.answers.get(our_id)
        return (
            answer is not None
            and answer.status is GatewayStatus.SUCCEEDED
            and answer == self.answer_for(our_id, GatewayStatus.SUCCEEDED)
        )

    def _record(self, answer: GatewayAnswer, our_id: str, book: set[str]) -> GatewayAnswer:
        if answer.status is GatewayStatus.SUCCEEDED and answer == self.answer_for(our_id, GatewayStatus.SUCCEEDED):
            book.add(our_id)
        return answer


class World:
    """One example's copy of the database, with its users and gateway."""

    def __init__(self, people: People) -> None:
        self.customers, self.chefs = people.customers, people.chefs
        chance = Random(0)  # deterministic ids: they break ties
        self._ids = patch.object(ids, "uuid4", lambda: UUID(int=chance.getrandbits(128), version=4))
        self._ids.start()
        self._persons = {person.id: person for person in people.customers}
        url = shared_postgres().new_database(people.template)
        self.db = PostgresDatabase(url)
        self.gateway = RecordingGateway()
        self.play = Play(self.db, START, self.gateway)
        self._connection = plain_connection(url)

    def close(self) -> None:
        self._ids.stop()
        self._connection.close()
        self.db.dispose()

    def rows(self, statement: str, **values: Any) -> list[list[Any]]:
        return list(self._connection.run(statement, **values) or [])

    def person(self, customer_id: UUID) -> Person:
        return self._persons[customer_id]

    def going_back(self, booking_id: UUID) -> int:
        """Return the paise of a booking that are refunded or about to be."""
        statement = "select coalesce(sum(amount), 0)::bigint from refunds where booking_id = :id and state <> 'failed'"
        return int(self.rows(statement, id=booking_id)[0][0])

    def left(self, booking_id: UUID) -> int:
        """Return the captured paise of a booking less its refunds."""
        rows = self.rows(
            """
            select a.amount - coalesce((select sum(r.amount) from refunds r where r.attempt_id = a.id), 0)::bigint
            from payment_attempts a where a.booking_id = :id and a.capture = 'applied'""",
            id=booking_id,
        )
        return int(rows[0][0]) if rows else 0

    def block(self, customer_id: UUID, *, active: bool) -> None:
        with self.db.transaction() as session:
            request = UserChange(is_active=active, reason="a test")
            blocking.change(session, customer_id, request, self.play.by, self.play.now)
        if not active:
            expiry.cancel_unpaid_of(self.db, line, customer_id, Actor(ADMIN, self.play.by.id), self.play.now)

    def deactivate(self, chef_id: UUID, *, active: bool) -> None:
        with self.db.transaction() as session:
            if active:
                registration.change(session, LINE, chef_id, ChefChange(is_active=True), self.play.by, self.play.now)
            else:
                registration.deactivate(session, LINE, chef_id, self.play.by, self.play.now)
        if not active:
            assignment.release_all(self.db, LINE, chef_id, Actor(ADMIN, self.play.by.id), self.play.now)
