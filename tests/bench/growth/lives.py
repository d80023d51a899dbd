"""The template bookings, each created once through the real use cases and then copied many times."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from uuid import UUID

from functions.wiring import line
from infra.phonepe.v1.client import PhonePe
from shared.appointments import cancellation, rating
from shared.appointments.rating import RatingRequest
from shared.audit import queries as audit
from shared.bookings import expiry
from shared.bookings.history import SYSTEM, close_reviews, open_review
from shared.idempotency import queries as idempotency
from shared.inbox import queries as inbox
from shared.kit.ids import new_id
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.schemas import BookingView
from shared.lines.home_chef.visit import NAME
from shared.payments.reconciliation import report
from tests.make import Make, Person, always
from tests.phonepe_server import PhonePeServer

CHEFS = 100
AHEAD = timedelta(days=3)  # each books noon (of India) three days from then
SOON = timedelta(minutes=10)
# Of twenty that are over: most were held and paid, five of them rated, one was cancelled late, one never paid.
OVER = ("rated",) * 5 + ("held",) * 11 + ("looked_into", "changed_by_admin", "cancelled", "unpaid")
COMING = ("coming",)


@dataclass
class Lives:
    """One customer and one chef for each booking; `customers`, `chefs` and `bookings` are in the order of the lives."""

    make: Make
    gateway: PhonePe
    phonepe: PhonePeServer
    customers: list[Person] = field(default_factory=list)
    bookings: list[BookingView] = field(default_factory=list)

    @cached_property
    def chefs(self) -> list[Person]:
        return [self.make.chef(rate=300_00 + 1_00 * number) for number in range(CHEFS)]

    def live(self) -> None:
        """Play each template booking, then run the settlement report of the following days."""
        self.admin = self.make.admin()
        for name in OVER + COMING:
            getattr(self, name)()
        for table in ("payment_attempts", "refunds"):  # the server's clock dates them, and ours is days before it
            self.make.run(f"update {table} set created_at = :then", then=self._later(1))
        report.report(self.make.db, always(self.gateway), self.make.now + timedelta(hours=14))

    def coming(self) -> None:
        """Book, pay and accept; the customer is notified and the gateway's callback has arrived."""
        txn, chef = self._paid()
        self.make.step(self.bookings[-1], "confirmed", chef_id=chef, now=self._later(3))
        self._called(txn)

    def held(self) -> None:
        self.coming()
        booking, start = self.bookings[-1], self.make.now + AHEAD
        self.make.step(booking, "in_progress", now=start)
        self.make.step(booking, "completed", now=start + timedelta(hours=2))

    def rated(self) -> None:
        self.held()
        customer, booking = self.customers[-1], self.bookings[-1]
        with self.make.db.transaction() as session:
            rating_request = RatingRequest(stars=5, comment="Everybody asked for more.")
            rating.rate(
                session, NAME, customer.id, booking.id, rating_request, self.make.now + AHEAD + timedelta(hours=5)
            )

    def looked_into(self) -> None:
        """Complete the visit, then open and close a review of it."""
        self.held()
        booking, when = self.bookings[-1], self._later(4)
        with self.make.db.transaction() as session:
            open_review(session, "not_started", booking.id, booking.id, when)
            session.flush()
            close_reviews(session, "not_started", booking.id, SYSTEM, "All is well.", when + SOON)

    def changed_by_admin(self) -> None:
        self.held()
        with self.make.db.transaction() as session:
            was, then = {"status": "pending"}, {"status": "confirmed"}
            audit.record(session, self.admin, "booking.moved", self.bookings[-1].id, was, then, self._later(4))

    def cancelled(self) -> None:
        """Cancel as the customer with half kept; the refund is done."""
        self.coming()
        customer, booking = self.customers[-1], self.bookings[-1]
        when = self.make.now + AHEAD - timedelta(hours=6)
        with self.make.db.transaction() as session:
            cancellation.cancel(session, LINE, customer.id, booking.id, "Our plans changed.", None, when)
        [(refund,)] = self.make.rows("select merchant_refund_id from refunds where booking_id = :id", id=booking.id)
        for _ in range(2):  # ordered, then asked about
            self.make.settle(self.gateway, refund, when + SOON)

    def unpaid(self) -> None:
        self._booked()
        expiry.expire(self.make.db, line, self.make.now + timedelta(minutes=31))

    def _later(self, steps: int) -> datetime:
        return self.make.now + steps * SOON

    def _booked(self) -> Person:
        customer, chef = self.make.customer(), self.chefs[len(self.bookings)]
        self.customers.append(customer)
        noon = {"booking_date": (self.make.now + AHEAD).date(), "time_slot": time(12), "chef_id": chef.id}
        booking = self.make.booking(customer, **noon)
        self.bookings.append(booking)
        key = idempotency.Key(customer.id, "POST /api/v1/customer/bookings", new_id().hex, "f" * 64)
        with self.make.db.transaction() as session:
            idempotency.store(session, key, 201, booking.model_dump(mode="json"), self.make.now)
        return customer

    def _paid(self) -> tuple[str, UUID]:
        customer = self._booked()
        page = self.make.page(self.gateway, customer, self.bookings[-1].id, self._later(1))
        self.phonepe.settle(page.merchant_txn_id, "pay")
        self.make.settle(self.gateway, page.merchant_txn_id, self._later(2))
        return page.merchant_txn_id, self.chefs[len(self.bookings) - 1].id

    def _called(self, txn: str) -> None:
        with self.make.db.transaction() as session:
            inbox.receive(session, "phonepe", txn.encode() * 20, "inbox.phonepe", self._later(2))
        [(message,)] = self.make.rows("select id from inbox where processed_at is null")
        with self.make.db.transaction() as session:
            inbox.mark_processed(session, message, txn, "succeeded", self._later(2))


def noon_before(days: int) -> datetime:
    """Return noon of India so many days ago."""
    return datetime.now(UTC).replace(hour=6, minute=30, second=0, microsecond=0) - timedelta(days=days)
