"""Signals in any order and number, on the real database.

Whatever the gateway answers and whatever expires meanwhile, each booking ends in an allowed state
(docs/product.md#states) and no paisa appears or vanishes. Seen to fail when `matching.verdict` accepts an amount that
was not ordered, and when `matching.capture_kind` applies a second success.
"""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from functions.wiring import line
from infra.postgres.engine import PostgresDatabase
from shared.appointments import cancellation
from shared.appointments.lifecycle import ProviderAction
from shared.bookings import expiry
from shared.bookings.lifecycle import Acceptance, PaymentStatus, Status, allowed_at_commit
from shared.bookings.models import Booking
from shared.kit.errors import Refusal
from shared.ledger import queries as ledger
from shared.lines.home_chef.line import LINE
from shared.payments import status_polling
from shared.payments.gateway import GatewayStatus
from shared.payments.lifecycle import LIVE, UNFINISHED, AttemptState, RefundState
from shared.payments.models import Attempt, Refund
from tests.fakes import ScriptedGateway
from tests.make import Make, always
from tests.postgres_server import shared_postgres

WRONG = ["other amount", "other merchant", "other id", "no amount"]
SIGNALS = st.sampled_from(["pay", "pay", "fail", "fail", "pend"]) | st.sampled_from(WRONG)


class Signals(RuleBasedStateMachine):
    """State machine of one customer and one booking, with a gateway that answers anything."""

    template = ""
    attempts = Bundle("attempts")

    @initialize(target=attempts)
    def open(self):
        self.db = PostgresDatabase(shared_postgres().new_database(self.template), 2)
        self.gateway = ScriptedGateway()
        self.paid_for: set[str] = set()
        self.agreed_refund: int | None = None  # the refund the customer agreed to; None refunds everything
        self.now = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)
        self.make = Make(self.db, self.now)
        self.customer = self.make.customer()
        self.chefs = [self.make.chef(), self.make.chef()]
        self.booking = self.make.booking(self.customer)
        return self.start_to_pay()

    def teardown(self) -> None:
        if hasattr(self, "db"):
            self.db.dispose()

    @rule(target=attempts)
    def start_to_pay(self):
        self.gateway.silent = False
        try:
            page = self.make.page(self.gateway, self.customer, self.booking.id, self.now)
        except Refusal:
            return multiple()
        return page.merchant_txn_id

    @rule(target=attempts, txn=attempts)
    def a_try_fails_and_another_is_started(self, txn):
        self.change_payment_answer(txn, "fail", 1)
        return self.start_to_pay()

    @rule(txn=attempts, signal=SIGNALS, callbacks=st.integers(0, 2))
    def change_payment_answer(self, txn, signal, callbacks):
        """Change the gateway's answer for a payment and send no, one or two callbacks."""
        self.gateway.answers[txn] = self._answer(txn, signal)
        if signal == "pay":
            self.paid_for.add(txn)
        for _ in range(callbacks):
            status_polling.poll_by_our_id(self.db, always(self.gateway), line, txn, self.now)

    @rule()
    def every_try_turns_out_paid(self):
        for txn in self.gateway.orders:
            self.change_payment_answer(txn, "pay", 1)

    def _answer(self, txn, signal):
        about = self.gateway.answer_for
        return {
            "pay": lambda: about(txn, GatewayStatus.SUCCEEDED),
            "fail": lambda: about(txn, GatewayStatus.FAILED, may_still_succeed=True),
            "pend": lambda: about(txn, GatewayStatus.PENDING),
            "other amount": lambda: about(txn, GatewayStatus.SUCCEEDED, amount=1),
            "other merchant": lambda: about(txn, GatewayStatus.SUCCEEDED, merchant="SOMEBODY"),
            "other id": lambda: about(txn, GatewayStatus.SUCCEEDED, merchant_txn_id="ELSE"),
            "no amount": lambda: about(txn, GatewayStatus.SUCCEEDED, amount=None),
        }[signal]()

    @rule(silent=st.booleans())
    def the_reconciliation_runs(self, silent):
        self.gateway.silent = silent
        status_polling.reconcile(self.db, always(self.gateway), line, self.now)
        self.gateway.silent = False

    @rule(done=st.booleans())
    def the_refunds_are_followed(self, done):
        with self.db.reading() as session:
            waiting = session.scalars(select(Refund).where(Refund.state.in_(UNFINISHED))).all()
        for refund in waiting:
            status_polling.poll_by_our_id(self.db, always(self.gateway), line, refund.merchant_refund_id, self.now)
            if refund.merchant_refund_id in self.gateway.refund_orders:
                status = GatewayStatus.SUCCEEDED if done else GatewayStatus.PENDING
                self.gateway.answers[refund.merchant_refund_id] = self.gateway.answer_for(
                    refund.merchant_refund_id, status
                )

    @rule(minutes=st.sampled_from([1, 2, 16, 60, 60 * 24]))
    def time_passes(self, minutes):
        self.now += timedelta(minutes=minutes)
        expiry.expire(self.db, line, self.now)
        line("home_chef").enforce_deadlines(self.db, self.now)

    @rule(step=st.sampled_from(ProviderAction), nth=st.integers(0, 1))
    def a_chef_takes_a_step(self, step, nth):
        with suppress(Refusal):
            self.make.step(self.booking, step, chef_id=self.chefs[nth].id, now=self.now)

    @rule()
    def the_customer_cancels(self):
        try:
            with self.db.transaction() as session:
                shown = cancellation.preview(session, LINE, self.customer.id, self.booking.id, self.now).refund
            with self.db.transaction() as session:
                cancellation.cancel(session, LINE, self.customer.id, self.booking.id, "plans", shown, self.now)
        except Refusal:
            return
        self.agreed_refund = shown

    @invariant()
    def the_booking_may_rest_there(self):
        booking, _, _ = self._stored()
        assert allowed_at_commit(
            Status(booking.status), PaymentStatus(booking.payment_status), Acceptance(booking.acceptance)
        )

    @invariant()
    def every_paisa_is_somewhere(self):
        booking, attempts, refunds = self._stored()
        with self.db.reading() as session:
            balance = ledger.balances(session, booking.id)
        captured = sum(one.amount for one in attempts if one.state == AttemptState.SUCCEEDED)
        returned = sum(one.amount for one in refunds if one.state == RefundState.DONE)
        owed_back = sum(one.amount for one in refunds if one.state != RefundState.DONE)
        assert sum(balance.values()) == 0
        assert balance.get("gateway_clearing", 0) == captured - returned
        assert -balance.get("refunds_payable", 0) == owed_back
        earned = -sum(balance.get(account, 0) for account in ("provider_payable", "platform_revenue", "gst_payable"))
        applied = any(one.capture == "applied" for one in attempts)
        retained = booking.total - self._refund_amount(booking) if booking.status == Status.CANCELLED and applied else 0
        assert earned == (booking.total if booking.status == Status.COMPLETED else retained)
        assert -balance.get("customer_advance", 0) == captured - returned - owed_back - earned
        if booking.status in {Status.COMPLETED, Status.CANCELLED}:
            assert balance.get("customer_advance", 0) == 0

    @invariant()
    def a_booking_is_paid_once_and_every_other_capture_goes_back(self):
        booking, attempts, refunds = self._stored()
        applied = [one for one in attempts if one.capture == "applied"]
        surplus = {one.id: one.amount for one in attempts if one.capture in {"late", "duplicate"}}
        if booking.status == Status.CANCELLED and self._refund_amount(booking):
            surplus |= {one.id: self._refund_amount(booking) for one in applied}
        assert len(applied) <= 1
        assert {one.merchant_txn_id for one in attempts if one.state == AttemptState.SUCCEEDED} <= self.paid_for
        assert {one.attempt_id: one.amount for one in refunds} == surplus
        assert all(one.amount == booking.total for one in applied)
        assert len([one for one in attempts if one.state in LIVE]) <= 1

    def _refund_amount(self, booking: Booking) -> int:
        return booking.total if self.agreed_refund is None else self.agreed_refund

    def _stored(self) -> tuple[Booking, list[Attempt], list[Refund]]:
        with self.db.reading() as session:
            return (
                session.get_one(Booking, self.booking.id),
                list(session.scalars(select(Attempt))),
                list(session.scalars(select(Refund))),
            )


def test_no_order_of_signals_loses_a_booking_or_a_paisa(template):
    Signals.template = template
    chosen = settings(max_examples=44, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Signals, settings=chosen)
