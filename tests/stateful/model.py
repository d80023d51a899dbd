"""The reference model of all bookings and money, and the invariants after every step.

It tracks payments and refunds the gateway reported as successful, cash taken and handed back, and cancelled visits. A
refusal is a normal result; any other exception fails.
"""

import logging
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from functions.wiring import invariants
from shared.appointments.lifecycle import ProviderAction
from shared.invariants.run import statement
from shared.kit.errors import Refusal
from shared.payments.gateway import GatewayStatus
from tests.stateful.jobs import Jobs
from tests.stateful.world import START, People, World

ATTEMPTS = "select merchant_txn_id, state, amount from payment_attempts where gateway <> 'cash'"
REFUNDS = "select merchant_refund_id, state, amount from refunds"
CASH = "select coalesce(sum(amount), 0)::bigint from payment_attempts where gateway = 'cash'"
CANCELLED = "select id from bookings where status = 'cancelled'"
# Bookings with unexplained money: received less refunded differs from earned, and no exception is open.
UNEXPLAINED_MONEY = """
select b.id, b.status, m.amount from bookings b join (
  select t.booking_id, sum(p.amount) filter (where p.account in ('gateway_clearing', 'cash')) as amount,
    -coalesce(sum(p.amount) filter (where p.account in ('provider_payable', 'platform_revenue', 'gst_payable')), 0) as earned
  from ledger_transactions t join ledger_postings p on p.transaction_id = t.id group by 1
) m on m.booking_id = b.id
where (b.status not in ('completed', 'cancelled') or m.amount <> m.earned) and m.amount <> 0
  and not exists (select from exceptions e where e.booking_id = b.id and e.closed_at is null)
"""
LIVE = "select merchant_txn_id from payment_attempts where state in ('created', 'pending')"
UNFINISHED = "select merchant_refund_id from refunds where state in ('created', 'sent', 'pending')"
SERVICEABLE = "select id, provider_id from bookings where status = 'confirmed' and acceptance = 'accepted'"


class Failures(logging.Handler):
    """Collects errors that a job logs and survives, which would otherwise go unnoticed."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.logged: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.logged.append(logging.Formatter().format(record))


class Model(RuleBasedStateMachine):
    """Three customers, three chefs, an admin, a gateway and a clock; compares the model with the rows after each
    step."""

    counted: ClassVar[Counter[str]] = Counter()
    people: ClassVar[People]

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.people)
        self.play, self.gateway = self.world.play, self.world.gateway
        self.jobs = Jobs(self.play)
        self.booked = False
        self.cash = 0
        self.handed_back: set[str] = set()
        self.cancelled: set[UUID] = set()
        self.failures = Failures()
        logging.getLogger().addHandler(self.failures)
        self.world.rows("set plan_cache_mode = force_generic_plan")  # planned once instead of at each step
        query = statement(invariants()).replace(":now", "$1")
        self.world.rows(f"prepare broken(timestamptz) as {query}")

    def teardown(self) -> None:
        try:
            if not self.failures.logged:
                self.settle_everything()
        finally:
            logging.getLogger().removeHandler(self.failures)
            self.world.close()

    def perform(self, name: str, act: Any) -> Any:
        """Run a use case and count it; a refusal is counted and returns None."""
        try:
            done = act()
        except Refusal as refusal:
            self.counted[f"{name} refused: {refusal.code}"] += 1
            return None
        self.counted[name] += 1
        return done

    @initialize()
    def nothing_yet(self) -> None:
        self.counted["examples"] += 1

    @invariant()
    def everything_adds_up(self) -> None:
        self.counted["steps"] += 1
        assert self.failures.logged == [], self.failures.logged[0]
        assert self.world.rows(f"execute broken('{START.isoformat()}')") == []
        self._compare()

    def _compare(self) -> None:
        """Assert that the rows equal the model's payments, refunds and cash, and that cancelled visits stay
        cancelled."""
        for our_id, state, amount in self.world.rows(ATTEMPTS):
            succeeded = our_id in self.gateway.collected
            assert state in (
                {"succeeded", "mismatched"} if succeeded else {"created", "pending", "failed", "mismatched"}
            )
            assert state != "succeeded" or amount == self.gateway.orders[our_id].amount
        for our_id, state, amount in self.world.rows(REFUNDS):
            assert (state == "done") == (our_id in self.gateway.returned | self.handed_back)
            assert our_id not in self.gateway.refund_orders or amount == self.gateway.refund_orders[our_id].amount
        assert self.world.rows(CASH) == [[self.cash]]
        cancelled = {booking for (booking,) in self.world.rows(CANCELLED)}
        assert self.cancelled <= cancelled
        self.cancelled = cancelled

    def settle_everything(self) -> None:
        """Let time pass with a truthful gateway; then every customer has a visit, their money or an open exception."""
        self.gateway.silent = self.gateway.loses_next_answer = False
        for hours in (1, 4, 24, 48, 72, 96, 24):
            self._tell_the_truth()
            for booking, chef in self.world.rows(SERVICEABLE):
                for step in (ProviderAction.IN_PROGRESS, ProviderAction.COMPLETED):
                    with suppress(Refusal):
                        self.play.step(chef, booking, step)
            for job in ("expire", "deadlines", "reconcile", "remind"):
                self.jobs.run(job)
            self.jobs.handle_messages(1)
            self.play.now += timedelta(hours=hours)
        for job in ("expire", "deadlines", "reconcile"):
            self.jobs.run(job)
        assert self.failures.logged == [], self.failures.logged[0]
        assert self.world.rows(f"execute broken('{self.play.now.isoformat()}')") == []
        self._compare()
        assert self.world.rows(UNEXPLAINED_MONEY) == []

    def _tell_the_truth(self) -> None:
        """Fail every open payment without a reported success; complete every unfinished refund."""
        for (our_id,) in self.world.rows(LIVE):
            if our_id in self.gateway.orders and not self.gateway.has_succeeded(our_id):
                self.play.set_answer(our_id, GatewayStatus.FAILED)
        for (our_id,) in self.world.rows(UNFINISHED):
            if our_id in self.gateway.refund_orders:
                self.play.set_answer(our_id, GatewayStatus.SUCCEEDED)
