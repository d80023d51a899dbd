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
from tests.make import at
from tests.play import Play

SERVED = (ProviderAction.CONFIRMED, ProviderAction.IN_PROGRESS, ProviderAction.COMPLETED)


class Kinds:
    """Makes one booking of each kind, each for its own customer; `ids` maps kinds to booking ids."""

    def __init__(self, play: Play) -> None:
        self.play, self.make = play, play.make
        self.ids: dict[str, UUID] = {}
        self.chefs = [self.make.chef(rate).id for rate in (399_00, 450_00, 500_00)]
        self.late()  # first: its expiry sweep would cancel every other unpaid booking
        for name in ("coming", "twin", "awaiting", "unpaid", "quoted", "completed", "half_back", "twice", "cash"):
            getattr(self, name)()
        for name in ("moved", "mismatched", "chefless"):
            getattr(self, name)()
        self.told()

    def _booked(self, name: str, day: int, **wanted: Any) -> Any:
        who = self.make.customer()
        wish = {"booking_date": self.make.day(day), "chef_id": self.chefs[0], **wanted}
        self.ids[name] = self.play.book(who, **wish).id
        return who

    def _paid(self, name: str, day: int, *steps: ProviderAction, **wanted: Any) -> Any:
        who = self._booked(name, day, **wanted)
        self.play.paid(who, self.ids[name])
        for step in steps:
            self.play.step(self.chefs[0], self.ids[name], step)
        return who

    def _send_refunds(self, name: str) -> None:
        """Send the booking's refunds; the gateway completes them."""
        for refund_id, our_id in self.make.rows(
            "select id, merchant_refund_id from refunds where booking_id = :id", id=self.ids[name]
        ):
            self.play.gateway.says.pop(our_id, None)
            refunding.advance(self.play.db, at(self.play.gateway), line, refund_id, self.play.now)
            self.play.say(our_id, GatewayStatus.SUCCEEDED)
            self.play.hear(our_id)

    def coming(self) -> None:
        self._paid("coming", 3, ProviderAction.CONFIRMED)

    def twin(self) -> None:
        self._booked("twin", 3, chef_id=self.chefs[1])

    def awaiting(self) -> None:
        self._paid("awaiting", 4)

    def unpaid(self) -> None:
        self.play.pay(self._booked("unpaid", 5), self.ids["unpaid"])

    def quoted(self) -> None:
        who = self.make.customer()
        quote = self.play.quote(who, booking_date=self.make.day(6), guest_count=7, time_slot=time(19))
        self.ids["quoted"] = self.play.book_quoted(who, quote).id

    def completed(self) -> None:
        who = self._paid("completed", 7, *SERVED)
        self.play.rate(who, self.ids["completed"], 4)
        self.play.give(self.ids["completed"], 100_00)
        self._send_refunds("completed")

    def half_back(self) -> None:
        """A booking cancelled ten hours before its start, after the chef accepted."""
        who = self._paid("half_back", 8, ProviderAction.CONFIRMED)
        before = self.make.stored(self.ids["half_back"]).starts_at
        assert before
        self.play.at(before - timedelta(hours=10), lambda: self.play.cancel(who, self.ids["half_back"]))
        self._send_refunds("half_back")

    def late(self) -> None:
        """A booking paid after its expiry; the refund is pending."""
        our_id = self.play.pay(self._booked("late", 9), self.ids["late"])
        expiry.expire(self.play.db, line, self.play.now + timedelta(minutes=31))
        self.play.say(our_id, GatewayStatus.SUCCEEDED)
        self.play.hear(our_id)

    def twice(self) -> None:
        """A booking paid by its second attempt; the first attempt succeeded later."""
        who = self._booked("twice", 10)
        first = self.play.pay(who, self.ids["twice"])
        self.play.say(first, GatewayStatus.FAILED)
        self.play.hear(first)
        self.play.paid(who, self.ids["twice"])
        self.play.say(first, GatewayStatus.SUCCEEDED)
        self.play.hear(first)
        self._send_refunds("twice")

    def cash(self) -> None:
        """A booking paid in cash, with a partial cash refund still to hand back."""
        self._booked("cash", 11)
        self.play.take_cash(self.ids["cash"], self.make.stored(self.ids["cash"]).total)
        self.play.give(self.ids["cash"], 50_00)

    def moved(self) -> None:
        """A visit rescheduled from the dearer evening."""
        who = self._paid("moved", 12, ProviderAction.CONFIRMED, time_slot=time(19))
        self.play.move(who, self.ids["moved"], booking_date=self.make.day(13), time_slot=time(12))

    def mismatched(self) -> None:
        our_id = self.play.pay(self._booked("mismatched", 14), self.ids["mismatched"])
        self.play.say(our_id, GatewayStatus.SUCCEEDED, amount=1_00)
        self.play.hear(our_id)

    def chefless(self) -> None:
        """A paid booking that every chef declined."""
        self._paid("chefless", 15)
        for _ in self.chefs:
            asked = self.make.stored(self.ids["chefless"]).provider_id
            assert asked
            self.play.step(asked, self.ids["chefless"], ProviderAction.DECLINED)

    def told(self) -> None:
        """A processed callback about an unknown payment."""
        now = self.play.now
        with self.play.db.transaction() as session:
            inbox.receive(session, "phonepe", b"{}", "payments.callback", now)
        [(received, promised)] = self.make.rows(
            "select i.id, o.id from inbox i join outbox o on o.payload ->> 'inbox_id' = i.id::text"
        )
        with self.play.db.transaction() as session:
            inbox.processed(session, received, "SOMEBODYS", "unknown", now)
            outbox.done(session, promised, now)
