"""A world with every kind of booking, each under a name, made by the real use cases."""

from datetime import time, timedelta
from typing import Any
from uuid import UUID

from functions.wiring import line
from shared.appointments.lifecycle import ProviderAction
from shared.bookings import expiry
from shared.inbox import queries as inbox
from shared.outbox import queries as outbox
from shared.payments import refunding
from shared.payments.gateway import GatewayStatus
from tests.make import always
from tests.play import Play

SERVING_STEPS = (ProviderAction.CONFIRMED, ProviderAction.IN_PROGRESS, ProviderAction.COMPLETED)


class Kinds:
    """Makes one booking of each kind, each for its own customer; `ids` maps kinds to booking ids."""

    def __init__(self, play: Play) -> None:
        self.play, self.make = play, play.make
        self.ids: dict[str, UUID] = {}
        self.chefs = [self.make.chef(rate).id for rate in (399_00, 450_00, 500_00)]
        self.late()  # first: its expiry sweep would cancel every other unpaid booking
        for name in ("coming", "twin", "awaiting", "unpaid", "quoted", "completed", "half_back", "twice", "cash"):
            getattr(self, name)()
        for name in ("moved", "mismatched", "without_chef"):
            getattr(self, name)()
        self.processed_callback()

    def _booked(self, name: str, day: int, **wanted: Any) -> Any:
        customer = self.make.customer()
        request = {"booking_date": self.make.day(day), "chef_id": self.chefs[0], **wanted}
        self.ids[name] = self.play.book(customer, **request).id
        return customer

    def _paid(self, name: str, day: int, *steps: ProviderAction, **wanted: Any) -> Any:
        customer = self._booked(name, day, **wanted)
        self.play.paid(customer, self.ids[name])
        for step in steps:
            self.play.step(self.chefs[0], self.ids[name], step)
        return customer

    def _send_refunds(self, name: str) -> None:
        """Send the booking's refunds; the gateway completes them."""
        for refund_id, our_id in self.make.rows(
            "select id, merchant_refund_id from refunds where booking_id = :id", id=self.ids[name]
        ):
            self.play.gateway.answers.pop(our_id, None)
            refunding.advance(self.play.db, always(self.play.gateway), line, refund_id, self.play.now)
            self.play.set_answer(our_id, GatewayStatus.SUCCEEDED)
            self.play.handle_signal(our_id)

    def coming(self) -> None:
        self._paid("coming", 3, ProviderAction.CONFIRMED)

    def twin(self) -> None:
        self._booked("twin", 3, chef_id=self.chefs[1])

    def awaiting(self) -> None:
        self._paid("awaiting", 4)

    def unpaid(self) -> None:
        self.play.pay(self._booked("unpaid", 5), self.ids["unpaid"])

    def quoted(self) -> None:
        customer = self.make.customer()
        quote = self.play.quote(customer, booking_date=self.make.day(6), guest_count=7, time_slot=time(19))
        self.ids["quoted"] = self.play.book_quoted(customer, quote).id

    def completed(self) -> None:
        customer = self._paid("completed", 7, *SERVING_STEPS)
        self.play.rate(customer, self.ids["completed"], 4)
        self.play.refund(self.ids["completed"], 100_00)
        self._send_refunds("completed")

    def half_back(self) -> None:
        """A booking cancelled ten hours before its start, after the chef accepted."""
        customer = self._paid("half_back", 8, ProviderAction.CONFIRMED)
        before = self.make.stored(self.ids["half_back"]).starts_at
        assert before
        self.play.at_time(before - timedelta(hours=10), lambda: self.play.cancel(customer, self.ids["half_back"]))
        self._send_refunds("half_back")

    def late(self) -> None:
        """A booking paid after its expiry; the refund is pending."""
        our_id = self.play.pay(self._booked("late", 9), self.ids["late"])
        expiry.expire(self.play.db, line, self.play.now + timedelta(minutes=31))
        self.play.set_answer(our_id, GatewayStatus.SUCCEEDED)
        self.play.handle_signal(our_id)

    def twice(self) -> None:
        """A booking paid by its second attempt; the first attempt succeeded later."""
        customer = self._booked("twice", 10)
        first = self.play.pay(customer, self.ids["twice"])
        self.play.set_answer(first, GatewayStatus.FAILED)
        self.play.handle_signal(first)
        self.play.paid(customer, self.ids["twice"])
        self.play.set_answer(first, GatewayStatus.SUCCEEDED)
        self.play.handle_signal(first)
        self._send_refunds("twice")

    def cash(self) -> None:
        """A booking paid in cash, with a partial cash refund still to hand back."""
        self._booked("cash", 11)
        self.play.take_cash(self.ids["cash"], self.make.stored(self.ids["cash"]).total)
        self.play.refund(self.ids["cash"], 50_00)

    def moved(self) -> None:
        """A visit rescheduled from the dearer evening."""
        customer = self._paid("moved", 12, ProviderAction.CONFIRMED, time_slot=time(19))
        self.play.move(customer, self.ids["moved"], booking_date=self.make.day(13), time_slot=time(12))

    def mismatched(self) -> None:
        our_id = self.play.pay(self._booked("mismatched", 14), self.ids["mismatched"])
        self.play.set_answer(our_id, GatewayStatus.SUCCEEDED, amount=1_00)
        self.play.handle_signal(our_id)

    def without_chef(self) -> None:
        """A paid booking that every chef declined."""
        self._paid("without_chef", 15)
        for _ in self.chefs:
            provider_id = self.make.stored(self.ids["without_chef"]).provider_id
            assert provider_id
            self.play.step(provider_id, self.ids["without_chef"], ProviderAction.DECLINED)

    def processed_callback(self) -> None:
        """A processed callback about an unknown payment."""
        now = self.play.now
        with self.play.db.transaction() as session:
            inbox.receive(session, "phonepe", b"{}", "payments.callback", now)
        [(inbox_id, message_id)] = self.make.rows(
            "select i.id, o.id from inbox i join outbox o on o.payload ->> 'inbox_id' = i.id::text"
        )
        with self.play.db.transaction() as session:
            inbox.mark_processed(session, inbox_id, "SOMEBODYS", "unknown", now)
            outbox.mark_done(session, message_id, now)
