"""Builders of customers, chefs, bookings and payments with defaults for all a test does not name."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from functions.wiring import line
from infra.postgres.engine import PostgresDatabase
from shared.appointments import placement, status_changes
from shared.appointments.lifecycle import ProviderAction
from shared.appointments.placement import Limits
from shared.appointments.providers.models import Provider, WeeklySlot
from shared.appointments.queries import AppointmentRow
from shared.audit.context import AuditContext
from shared.bookings.history import Actor
from shared.bookings.models import Booking
from shared.kit.ids import new_id
from shared.ledger import queries as ledger
from shared.lines.home_chef import quotes
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.schemas import BookingRequest, BookingView
from shared.lines.home_chef.visit import CHEF, NAME
from shared.payments import status_polling
from shared.payments.checkout import Checkout, Page, Windows
from shared.payments.gateway import Gateway, Gateways
from shared.places.models import Address, Location, ServiceArea
from shared.sign_in.sessions import Caller
from shared.users.models import ADMIN, CUSTOMER, User
from tests.phonepe_server import PhonePeServer

LOCK = text("select 1 from users where id = :id for no key update")
RULES = Limits(timedelta(minutes=30), 3, 1_000)
QUOTES = quotes.Limits(timedelta(minutes=30), 1_000)
WINDOWS = Windows(timedelta(minutes=15), timedelta(minutes=25), 1_000)


@dataclass(frozen=True)
class Person:
    """A test's user, with their address if they have one."""

    id: UUID
    role: str
    address_id: UUID | None = None

    def caller(self) -> Caller:
        return Caller(self.id, self.role, new_id(), None, None)


class Make:
    """Builds rows in the test's database; `now` is the test's clock."""

    def __init__(self, db: PostgresDatabase, now: datetime) -> None:
        self.db, self.now = db, now
        self._numbers = count(1)

    def city(self, name: str = "Mumbai", **location: Any) -> UUID:
        """Serve a city within 10 km of Bandra, unless it is served already."""
        with self.db.transaction() as session:
            existing = session.scalars(select(Location.id).where(Location.city == name)).first()
            if existing:
                return existing
            place = Location(id=new_id(), city=name, state="Maharashtra", **location)
            session.add(place)
            session.flush()
            circle = {"latitude": 19.0596, "longitude": 72.8295, "radius_km": 10.0}
            session.add(ServiceArea(location_id=place.id, name="Bandra", city=name, **circle))
            return place.id

    def customer(self, **person: Any) -> Person:
        """Make a customer with an address in Bandra."""
        self.city()
        number = next(self._numbers)
        with self.db.transaction() as session:
            user = User(
                id=new_id(), email=f"customer{number}@test.example", role=CUSTOMER, **{"name": "Meera", **person}
            )
            session.add(user)
            session.flush()
            address = Address(
                id=new_id(),
                user_id=user.id,
                full_address="12 Hill Road",
                city="Mumbai",
                pincode="400050",
                latitude=19.0596,
                longitude=72.8295,
                is_default=True,
            )
            session.add(address)
            return Person(user.id, CUSTOMER, address.id)

    def chef(self, rate: int = 399_00, week: list[tuple[int, int, int]] | None = None, **profile: Any) -> Person:
        """Make a verified chef in Mumbai who works daily from 08:00 to 23:00, or in the given week."""
        number = next(self._numbers)
        with self.db.transaction() as session:
            user = User(id=new_id(), email=f"chef{number}@test.example", role=CHEF, name=f"Chef {number}")
            session.add(user)
            session.flush()
            defaults = {"is_verified": True, "service_city": "Mumbai", **profile}
            session.add(Provider(user_id=user.id, line=NAME, rate=rate, **defaults))
            session.flush()
            for weekday, starts, ends in week if week is not None else [(day, 480, 1380) for day in range(7)]:
                session.add(WeeklySlot(provider_id=user.id, weekday=weekday, starts=starts, ends=ends))
            return Person(user.id, CHEF)

    def request(self, customer: Person, **overrides: Any) -> BookingRequest:
        """Return a request for two hours in three days at 12:00, with overrides."""
        wanted = {"address_id": customer.address_id, "booking_date": self.day(3), "time_slot": time(12), **overrides}
        return BookingRequest(**wanted)

    def day(self, ahead: int) -> date:
        return (self.now.astimezone(UTC) + timedelta(days=ahead)).date()

    def booking(self, customer: Person | None = None, now: datetime | None = None, **overrides: Any) -> BookingView:
        """Book as a customer; makes a chef first if there is none."""
        customer = customer or self.customer()
        with self.db.reading() as session:
            chefs = session.scalars(select(Provider.user_id)).first()
        if chefs is None:
            self.chef()
        return placement.place(
            self.begin(customer), LINE, self.request(customer, **overrides), lambda _: None, RULES, now or self.now
        )

    def begin(self, person: Person) -> Any:
        """Return a transaction factory for this caller, like an endpoint's."""
        return begin_as(self.db, person)

    def begin_as_actor(self, user_id: UUID, role: str) -> Any:
        """Return a transaction factory for this actor, like an endpoint's."""

        @contextmanager
        def begin() -> Any:
            with self.db.transaction() as session:
                yield session, Actor(role, user_id)

        return begin

    def step(
        self, booking: BookingView, *taken: str, chef_id: UUID | None = None, now: datetime | None = None
    ) -> AppointmentRow:
        """Take these steps of a visit as its chef, in order; returns its row after the last."""
        for step in taken:
            chef = chef_id or self.stored(booking.id).provider_id
            assert chef, "the visit has no chef"
            row = status_changes.by_provider(
                self.begin_as_actor(chef, CHEF), LINE, booking.id, ProviderAction(step), None, 0, now or self.now
            )
        return row

    def checkout(self, gateway: Gateway) -> Checkout:
        return Checkout(
            self.db,
            gateway,
            always(gateway),
            line,
            WINDOWS,
            lambda booking, txn: f"https://app.example/?ref={booking.ref}&txn={txn}",
        )

    def page(self, gateway: Gateway, customer: Person, booking_id: UUID, now: datetime | None = None) -> Page:
        """Start a payment and return its page."""
        return self.checkout(gateway).start(self.begin(customer), booking_id, lambda _: None, now or self.now)

    def paid(
        self, gateway: Gateway, phonepe: PhonePeServer, customer: Person | None = None, **overrides: Any
    ) -> tuple[BookingView, str]:
        """Book, pay and settle; returns the booking and the attempt's merchant id."""
        customer = customer or self.customer()
        booking = self.booking(customer, **overrides)
        page = self.page(gateway, customer, booking.id)
        phonepe.settle(page.merchant_txn_id, "pay")
        self.settle(gateway, page.merchant_txn_id)
        return booking, page.merchant_txn_id

    def admin(self) -> AuditContext:
        """Make an admin; returns their audit context."""
        with self.db.transaction() as session:
            user = User(id=new_id(), email=f"admin{next(self._numbers)}@test.example", role=ADMIN, name="Admin")
            session.add(user)
            return AuditContext(user.id, "198.18.0.1", "a-request")

    def settle(self, gateway: Gateway, our_id: str, now: datetime | None = None) -> str:
        """Poll a payment or refund by our id, as after a signal; returns its state."""
        return status_polling.poll_by_our_id(self.db, always(gateway), line, our_id, now or self.now)

    def stored(self, booking_id: UUID) -> Booking:
        with self.db.reading() as session:
            return session.get_one(Booking, booking_id)

    def rows(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return a statement's rows as tuples."""
        with self.db.reading() as session:
            return [tuple(row) for row in session.execute(text(statement), values)]

    def run(self, statement: str, **values: Any) -> None:
        """Execute raw SQL in its own transaction."""
        with self.db.transaction() as session:
            session.execute(text(statement), values)

    def balances(self, booking_id: UUID) -> dict[str, int]:
        """Return the non-zero ledger balances of a booking, in paise."""
        with self.db.reading() as session:
            return {code: paise for code, paise in ledger.balances(session, booking_id).items() if paise}


def run_concurrently(count: int, act: Callable[[], Any]) -> list[Any]:
    """Call the function in that many threads at once; returns each one's result or exception."""
    start = threading.Barrier(count)

    def run() -> Any:
        start.wait(10)
        try:
            return act()
        except Exception as error:  # noqa: BLE001 - the exception is one of the results
            return error

    with ThreadPoolExecutor(count) as pool:
        return [future.result(60) for future in [pool.submit(run) for _ in range(count)]]


def always(gateway: Gateway) -> Gateways:
    """Return a lookup that resolves every gateway name to this gateway."""
    return lambda _: gateway


def begin_as(db: PostgresDatabase, person: Person) -> Any:
    """Return a transaction factory for this caller that locks the caller's row, like an endpoint's."""

    @contextmanager
    def begin() -> Any:
        with db.transaction() as session:
            session.execute(LOCK, {"id": person.id})
            yield session, person.caller()

    return begin
