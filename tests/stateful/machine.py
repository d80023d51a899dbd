"""Any actor does anything in any order, any gateway answer, any clock jump: invariants are checked after each step."""

from datetime import time, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from shared.appointments import cancellation
from shared.appointments.lifecycle import ProviderAction
from shared.bookings.lifecycle import Status
from shared.kit.clock import INDIA, local
from shared.ledger.postings import Bearer
from shared.lines.home_chef.line import LINE
from shared.payments.gateway import GatewayAnswer, GatewayStatus
from tests.stateful.model import Model

SEVERAL = st.integers(0, 11)  # index of an existing object, counted from the newest
PERSONS = st.integers(0, 2)
TIMES = st.sampled_from([time(8), time(12), time(12, 30), time(19), time(22)])
DAYS = st.integers(1, 5)
JUMPS = st.sampled_from([1, 10, 40, 60, 3 * 60, 12 * 60, 26 * 60, 4 * 24 * 60]).map(lambda m: timedelta(minutes=m))
SERVING_STEPS = (ProviderAction.CONFIRMED, ProviderAction.IN_PROGRESS, ProviderAction.COMPLETED)
WRONG: dict[str, dict[str, Any]] = {
    "amount": {"amount": 1_00},
    "currency": {"currency": "USD"},
    "merchant": {"merchant": "SOMEBODY"},
    "nothing": {"merchant_txn_id": None},
}
ACTIVE, UNPAID = "status in ('pending', 'confirmed')", "payment_status in ('pending', 'failed')"
COMING, COMPLETED = f"{ACTIVE} and not ({UNPAID})", "status = 'completed'"


class Bookings(Model):
    """The rules: every use case of every actor, in any order."""

    # Existing objects, counted from the newest.

    def nth(self, index: int, statement: str) -> Any:
        rows = self.world.rows(statement)
        return rows[index % len(rows)] if rows else None

    def booking(self, index: int, likely: str = "true") -> tuple[UUID, UUID, UUID | None]:
        """Return a booking, preferably one on which the use case is likely to succeed; 11 picks from all."""
        statement = "select id, customer_id, provider_id from bookings where {} order by created_at desc, id"
        return (index < 11 and self.nth(index, statement.format(likely))) or self.nth(index, statement.format("true"))

    # Customers.

    @rule(
        person=PERSONS, day=DAYS, at=TIMES, hours=st.integers(1, 5), guests=st.integers(1, 9), chef=st.none() | PERSONS
    )
    def book(self, person: int, day: int, at: time, hours: int, guests: int, chef: int | None) -> None:
        chef_id = None if chef is None else self.world.chefs[chef].id
        self._book(person, day, at, duration_hours=hours, guest_count=guests, chef_id=chef_id)

    @rule(person=PERSONS, day=DAYS, at=TIMES, later=st.sampled_from([0, 0, 31]), times=st.sampled_from([1, 1, 1, 2]))
    def quote_and_book(self, person: int, day: int, at: time, later: int, times: int) -> None:
        request = {"booking_date": self._day(day), "time_slot": at, "guest_count": 6}
        quote = self.perform("quote", lambda: self.play.quote(self.world.customers[person], **request))
        if quote:
            self.play.now += timedelta(minutes=later)
            for _ in range(times):
                self._booked(
                    self.perform("book a quote", lambda: self.play.book_quoted(self.world.customers[person], quote))
                )

    def _book(self, person: int, day: int, at: time, **more: Any) -> Any:
        request = {"booking_date": self._day(day), "time_slot": at, **more}
        return self._booked(self.perform("book", lambda: self.play.book(self.world.customers[person], **request)))

    def _booked(self, view: Any) -> Any:
        self.booked = self.booked or view is not None
        return view

    def _day(self, ahead: int) -> Any:
        return local(self.play.now, INDIA).date() + timedelta(days=ahead)

    @precondition(lambda self: self.booked)
    @rule(index=SEVERAL)
    def pay(self, index: int) -> None:
        booking, customer, _ = self.booking(index, f"{ACTIVE} and {UNPAID}")
        self.perform("pay", lambda: self.play.pay(self.world.person(customer), booking))

    @precondition(lambda self: self.booked)
    @rule(index=SEVERAL)
    def pay_in_one_step(self, index: int) -> None:
        """Pay in one step: open the page, succeed at the gateway, receive the signal."""
        booking, customer, _ = self.booking(index, f"{ACTIVE} and {UNPAID}")
        self.pay_for(booking, customer)

    def pay_for(self, booking: UUID, customer: UUID) -> None:
        our_id = self.perform("pay", lambda: self.play.pay(self.world.person(customer), booking))
        if our_id:
            self.play.set_answer(our_id, GatewayStatus.SUCCEEDED)
            self._signal(our_id)

    @rule(person=PERSONS, day=DAYS, at=TIMES, steps=st.sampled_from([0, 1, 1, 3]))
    def book_and_pay(self, person: int, day: int, at: time, steps: int) -> None:
        """Run the usual sequence: book, pay, and some of accept, start and complete."""
        view = self._book(person, day, at)
        if view is not None:
            self.pay_for(view.id, self.world.customers[person].id)
            for step in SERVING_STEPS[:steps]:
                chef = self.play.make.stored(view.id).provider_id
                if chef:
                    self.perform(f"chef: {step}", lambda step=step, chef=chef: self.play.step(chef, view.id, step))

    @rule(person=PERSONS, day=DAYS, later=st.integers(1, 2), is_paid=st.booleans())
    def book_an_evening_and_move_it(self, person: int, day: int, later: int, *, is_paid: bool) -> None:
        """Book an evening and move it to the cheaper noon, before or after the payment."""
        view = self._book(person, day, time(19))
        if view is not None:
            customer = self.world.customers[person]
            if is_paid:
                self.pay_for(view.id, customer.id)
            to = {"booking_date": self._day(day + later), "time_slot": time(12)}
            self.perform("move", lambda: self.play.move(customer, view.id, **to))

    @precondition(lambda self: self.booked)
    @rule(index=SEVERAL)
    def cancel(self, index: int) -> None:
        """Cancel; the refund equals the preview."""
        booking, customer, _ = self.booking(index, COMING)
        shown = self.perform("look what cancelling gives back", lambda: self._shown(customer, booking))
        before = self.world.going_back(booking)
        if shown is not None:
            self.play.cancel(self.world.person(customer), booking)
            assert self.world.going_back(booking) - before == shown.refund
            self.counted["cancel"] += 1

    def _shown(self, customer: UUID, booking: UUID) -> Any:
        with self.play.db.transaction() as session:
            return cancellation.preview(session, LINE, customer, booking, self.play.now)

    @precondition(lambda self: self.booked)
    @rule(index=SEVERAL, day=DAYS, at=TIMES)
    def move(self, index: int, day: int, at: time) -> None:
        booking, customer, _ = self.booking(index, COMING)
        to = {"booking_date": self._day(day), "time_slot": at}
        self.perform("move", lambda: self.play.move(self.world.person(customer), booking, **to))

    @precondition(lambda self: self.booked)
    @rule(index=SEVERAL, stars=st.integers(1, 5))
    def rate(self, index: int, stars: int) -> None:
        booking, customer, _ = self.booking(index, COMPLETED)
        self.perform("rate", lambda: self.play.rate(self.world.person(customer), booking, stars))

    # Chefs.

    @precondition(lambda self: self.booked)
    @rule(index=SEVERAL, step=st.sampled_from(ProviderAction), own=st.sampled_from([True, True, True, False]))
    def step(self, index: int, step: ProviderAction, *, own: bool) -> None:
        booking, _, provider = self.booking(index, f"{ACTIVE} or status = 'in_progress'")
        chef = provider if own and provider else self.world.chefs[index % 3].id
        self.perform(f"chef: {step}", lambda: self.play.step(chef, booking, step))

    @precondition(lambda self: self.booked)
    @rule(index=SEVERAL)
    def serve(self, index: int) -> None:
        """Accept, start and complete a visit as far as possible."""
        booking, _, provider = self.booking(index, COMING)
        for step in SERVING_STEPS if provider else ():
            self.perform(f"chef: {step}", lambda step=step: self.play.step(provider, booking, step))

    # Admins.

    @precondition(lambda self: self.booked)
    @rule(index=SEVERAL, chef=st.none() | PERSONS)
    def assign(self, index: int, chef: int | None) -> None:
        chef_id = None if chef is None else self.world.chefs[chef].id
        self.perform("admin: assign", lambda: self.play.assign(self.booking(index, ACTIVE)[0], chef_id))

    @precondition(lambda self: self.booked)
    @rule(index=SEVERAL, status=st.sampled_from(Status))
    def set_status(self, index: int, status: Status) -> None:
        self.perform(f"admin: {status}", lambda: self.play.set_status(self.booking(index)[0], status))

    @precondition(lambda self: self.booked)
    @rule(index=SEVERAL, percent=st.sampled_from([0, 1, 30, 70, 100, 101]), bearer=st.sampled_from(Bearer))
    def refund(self, index: int, percent: int, bearer: Bearer) -> None:
        paid = "exists (select from payment_attempts a where a.booking_id = bookings.id and a.capture = 'applied')"
        booking = self.booking(index, paid)[0]
        left = max(self.world.left(booking), 0)
        self.perform(
            "admin: refund", lambda: self.play.refund(booking, left * percent // 100 + (percent > 100), bearer)
        )

    @precondition(lambda self: self.booked)
    @rule(index=SEVERAL, agreed=st.booleans())
    def agree_on_cash(self, index: int, *, agreed: bool) -> None:
        self.perform(
            "admin: cash agreed",
            lambda: self.play.agree_on_cash(self.booking(index, f"{ACTIVE} and {UNPAID}")[0], agreed=agreed),
        )

    @precondition(lambda self: self.booked)
    @rule(index=SEVERAL, off=st.sampled_from([0, 0, 0, 1]))
    def take_cash(self, index: int, off: int) -> None:
        booking = self.booking(index, f"{ACTIVE} and {UNPAID}")[0]
        total = self.play.make.stored(booking).total

        def take() -> None:
            self.play.take_cash(booking, total + off)
            self.cash += total

        self.perform("admin: cash taken", take)

    @rule(index=SEVERAL, proof=st.booleans())
    def close(self, index: int, *, proof: bool) -> None:
        found = self.nth(index, "select id, subject_id from exceptions where closed_at is null order by created_at, id")
        if found is None:
            return
        exception, subject = found
        paid_out = self.world.rows("select merchant_refund_id from refunds where id = :id", id=subject) if proof else []

        def close() -> None:
            self.play.close(exception, "UTR-1" if proof else None)
            self.handed_back.update(our_id for (our_id,) in paid_out)

        self.perform("admin: close", close)

    @rule(
        person=PERSONS,
        event=st.sampled_from(
            ["block", "unblock", "deactivate", "take back", "take back", "a silence", "its end", "a loss"]
        ),
    )
    def disrupt(self, person: int, event: str) -> None:
        chef, customer = self.world.chefs[person].id, self.world.customers[person].id
        match event:
            case "block" | "unblock":
                self.perform(f"admin: {event}", lambda: self.world.block(customer, active=event == "unblock"))
            case "deactivate" | "take back":
                self.perform(f"admin: {event}", lambda: self.world.deactivate(chef, active=event == "take back"))
            case "a loss":
                self.gateway.loses_next_answer = True
            case _:
                self.gateway.silent = event == "a silence"

    # The gateway.

    @precondition(lambda self: self.gateway.orders)
    @rule(index=SEVERAL, status=st.sampled_from(GatewayStatus), signals=st.booleans(), timed_out=st.booleans())
    def change_payment_answer(self, index: int, status: GatewayStatus, *, signals: bool, timed_out: bool) -> None:
        """Set the answer for a payment, old or new, whatever the previous answer."""
        our_id = list(self.gateway.orders)[-1 - index % len(self.gateway.orders)]
        if status is GatewayStatus.NOT_FOUND:
            self.gateway.answers[our_id] = GatewayAnswer(status, "NOT_FOUND")
        else:
            self.play.set_answer(our_id, status, may_still_succeed=timed_out and status is GatewayStatus.FAILED)
        if signals:
            self._signal(our_id)

    @precondition(lambda self: self.gateway.orders)
    @rule(index=SEVERAL, wrong=st.sampled_from(sorted(WRONG)))
    def answer_wrongly(self, index: int, wrong: str) -> None:
        our_id = list(self.gateway.orders)[-1 - index % len(self.gateway.orders)]
        self.play.set_answer(our_id, GatewayStatus.SUCCEEDED, **WRONG[wrong])
        self._signal(our_id)

    @precondition(lambda self: self.gateway.refund_orders)
    @rule(
        index=SEVERAL,
        status=st.sampled_from([GatewayStatus.SUCCEEDED, GatewayStatus.FAILED, GatewayStatus.PENDING]),
        wrong=st.sampled_from([False, False, True]),
    )
    def change_refund_answer(self, index: int, status: GatewayStatus, *, wrong: bool) -> None:
        our_id = list(self.gateway.refund_orders)[-1 - index % len(self.gateway.refund_orders)]
        self.play.set_answer(our_id, status, **({"amount": 1} if wrong else {}))
        self._signal(our_id)

    def _signal(self, our_id: str) -> None:
        became = self.perform("callback", lambda: self.play.handle_signal(our_id))
        self.counted[f"it became {became}"] += 1

    # Signals, jobs and time.

    @precondition(lambda self: self.booked)
    @rule(index=SEVERAL)
    def poll(self, index: int) -> None:
        found = self.nth(index, "select id from payment_attempts where gateway <> 'cash' order by created_at desc, id")
        if found:
            self.perform("poll", lambda: self.jobs.poll(found[0]))

    @rule(times=st.integers(1, 2))
    def tasks(self, times: int) -> None:
        """Handle due outbox messages, once or twice."""
        self.counted["tasks"] += self.jobs.handle_messages(times)

    @rule(job=st.sampled_from(["expire", "deadlines", "reconcile", "remind", "report"]))
    def job(self, job: str) -> None:
        self.perform(job, lambda: self.jobs.run(job))

    @rule(by=JUMPS)
    def time_passes(self, by: timedelta) -> None:
        self.play.now += by

    @precondition(lambda self: self.booked)
    @rule()
    def pass_a_week(self) -> None:
        """Pass a week without a decision of the gateway; an admin closes every open exception."""
        self.play.now += timedelta(days=8)
        self.perform("reconcile", lambda: self.jobs.run("reconcile"))
        for (exception,) in self.world.rows(
            "select id from exceptions where closed_at is null order by created_at, id"
        ):
            self.perform("admin: close", lambda exception=exception: self.play.close(exception, None))
