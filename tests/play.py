"""Every actor's use cases on a booking, with a gateway whose answers a test sets."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from functions.wiring import line
from infra.postgres.engine import PostgresDatabase
from shared.appointments import assignment, cancellation, placement, rating, status_changes
from shared.appointments.lifecycle import ProviderAction
from shared.appointments.rating import RatingRequest
from shared.audit.context import AuditContext
from shared.bookings.admin.schemas import ExceptionClosing
from shared.bookings.lifecycle import Status
from shared.ledger.postings import Bearer
from shared.lines.home_chef import quotes, reschedule
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.schemas import BookingRequest, BookingView, RescheduleRequest
from shared.lines.home_chef.visit import CHEF, NAME
from shared.payments import admin_refund, cash, exception_resolution, status_polling
from shared.payments.admin_refund import RefundCommand
from shared.payments.gateway import GatewayStatus
from shared.payments.schemas import CashAgreed, CashTaken
from shared.users.models import ADMIN
from tests.fakes import ScriptedGateway
from tests.make import QUOTES, RULES, Make, Person, always


@dataclass
class Play:
    """A database with its clock, gateway and admin; each method is one actor's use case, now."""

    db: PostgresDatabase
    now: datetime
    gateway: ScriptedGateway = field(default_factory=ScriptedGateway)

    def __post_init__(self) -> None:
        self.make = Make(self.db, self.now)
        self.by: AuditContext = self.make.admin()

    def book(self, customer: Person, **wanted: Any) -> BookingView:
        return self.make.booking(customer, now=self.now, **wanted)

    def quote(self, customer: Person, **wanted: Any) -> UUID:
        """Quote a price; returns the quote's id."""
        visit = self.make.request(customer, **wanted).visit()
        with self.make.begin(customer)() as (session, caller):
            return quotes.create(session, LINE, caller.id, visit, QUOTES, self.now, None).id

    def book_quoted(self, customer: Person, quote_id: UUID) -> BookingView:
        wanted = BookingRequest(quote_id=quote_id)
        return placement.place(self.make.begin(customer), LINE, wanted, lambda _: None, RULES, self.now)

    def pay(self, customer: Person, booking_id: UUID) -> str:
        """Open the gateway's page; returns the attempt's merchant id."""
        return self.make.page(self.gateway, customer, booking_id, self.now).merchant_txn_id

    def set_answer(self, our_id: str, status: GatewayStatus, **other: Any) -> None:
        """Set the gateway's answer for a payment or a refund."""
        self.gateway.answers[our_id] = self.gateway.answer_for(our_id, status, **other)

    def handle_signal(self, our_id: str) -> str:
        """Poll a payment or refund as after a signal; returns its state."""
        return status_polling.poll_by_our_id(self.db, always(self.gateway), line, our_id, self.now)

    def paid(self, customer: Person, booking_id: UUID) -> str:
        our_id = self.pay(customer, booking_id)
        self.set_answer(our_id, GatewayStatus.SUCCEEDED)
        self.handle_signal(our_id)
        return our_id

    def cancel(self, customer: Person, booking_id: UUID) -> None:
        with self.db.transaction() as session:
            cancellation.cancel(session, LINE, customer.id, booking_id, "plans changed", None, self.now)

    def move(self, customer: Person, booking_id: UUID, **to: Any) -> BookingView:
        wanted = RescheduleRequest(**to)
        return reschedule.reschedule(self.make.begin(customer), booking_id, wanted, lambda _: None, self.now)

    def rate(self, customer: Person, booking_id: UUID, stars: int) -> None:
        with self.db.transaction() as session:
            rating.rate(session, NAME, customer.id, booking_id, RatingRequest(stars=stars), self.now)

    def step(self, chef_id: UUID, booking_id: UUID, step: ProviderAction) -> None:
        status_changes.by_provider(self.make.begin_as_actor(chef_id, CHEF), LINE, booking_id, step, None, 0, self.now)

    def set_status(self, booking_id: UUID, status: Status) -> None:
        status_changes.by_admin(
            self.make.begin_as_actor(self.by.id, ADMIN), LINE, booking_id, status, "by an admin", self.now
        )

    def assign(self, booking_id: UUID, chef_id: UUID | None) -> None:
        begin = self.make.begin_as_actor(self.by.id, ADMIN)
        if chef_id is None:
            assignment.remove(begin, LINE, booking_id, None, self.now)
        else:
            assignment.assign(begin, LINE, booking_id, chef_id, None, self.now)

    def refund(self, booking_id: UUID, amount: int, borne_by: Bearer = Bearer.PLATFORM) -> None:
        with self.db.transaction() as session:
            command = RefundCommand(amount, "the soup was cold", borne_by)
            admin_refund.refund(session, line, booking_id, command, self.by, self.now)

    def agree_on_cash(self, booking_id: UUID, *, agreed: bool) -> None:
        with self.db.transaction() as session:
            cash.change(session, line, booking_id, CashAgreed(agreed=agreed), self.by, self.now)

    def take_cash(self, booking_id: UUID, amount: int) -> None:
        with self.db.transaction() as session:
            taken = CashTaken(amount=amount / 100, held_by="provider")
            cash.change(session, line, booking_id, taken, self.by, self.now)

    def close(self, exception_id: UUID, reference: str | None) -> None:
        with self.db.transaction() as session:
            closing = ExceptionClosing(closing_note="looked at", reference=reference)
            exception_resolution.close(session, line, exception_id, closing, self.by, self.now)

    def at_time(self, now: datetime, act: Callable[[], Any]) -> Any:
        """Run a use case at another time."""
        self.now, before = now, self.now
        try:
            return act()
        finally:
            self.now = before
