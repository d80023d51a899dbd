"""Operations on a booking, each through its real use case, and the bookings they run on."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

from functions.wiring import line
from infra.postgres.engine import PostgresDatabase
from shared.appointments import assignment, cancellation, placement
from shared.bookings import expiry
from shared.inbox import queries as inbox
from shared.kit.database import Database
from shared.ledger.postings import Bearer
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.schemas import BookingView
from shared.payments import admin_refund, refunding, status_polling
from shared.payments.admin_refund import RefundCommand
from shared.payments.gateway import Gateway, GatewayAnswer, GatewayStatus, RefundOrder
from shared.users.models import ADMIN
from tests.fakes import ScriptedGateway
from tests.make import RULES, Make, always

PLANS, ADMIN_REFUND = "plans", "sorry"  # reasons of a customer's cancellation and an admin's refund
ALMOST = timedelta(milliseconds=1)
NEED_DECISION = frozenset({"callback", "poll", "reconcile"})  # operations that need the gateway's decision first
DECIDES = frozenset({"pay_success", "pay_fail"})


class Bank(ScriptedGateway):
    """A gateway with final successes: a paid payment stays paid, a failed one may still succeed."""

    def decide(self, txn: str, status: GatewayStatus, *, may_still_succeed: bool = False) -> None:
        known = self.answers.get(txn)
        if known is None or (known.status, status) == (GatewayStatus.FAILED, GatewayStatus.SUCCEEDED):
            self.answers[txn] = self.answer_for(txn, status, may_still_succeed=may_still_succeed)

    def decide_the_rest(self) -> None:
        """Decide every open payment: what a customer can still pay is paid."""
        for txn in self.orders:
            if txn not in self.answers or self.answers[txn].may_still_succeed:
                self.decide(txn, GatewayStatus.SUCCEEDED)

    def refund(self, order: RefundOrder) -> GatewayAnswer:
        """Send the refund at once."""
        super().refund(order)
        self.decide(order.merchant_refund_id, GatewayStatus.SUCCEEDED)
        return self.refund_status(order.merchant_refund_id)

    def holds(self, txns: list[str], refunds: list[str]) -> int:
        """Return the paise received by these payments, less these refunds."""
        paid = [txn for txn in txns if self._is(txn, GatewayStatus.SUCCEEDED)]
        back = [refund for refund in refunds if self._is(refund, GatewayStatus.SUCCEEDED)]
        return sum(self.orders[txn].amount for txn in paid) - sum(self.refund_orders[one].amount for one in back)

    def _is(self, our_id: str, status: GatewayStatus) -> bool:
        return our_id in self.answers and self.answers[our_id].status is status


class World:
    """The users all cases share: three chefs by ascending price, three customers and an admin.

    Each case uses its own day and leaves no outstanding work.
    """

    def __init__(self, url: str) -> None:
        self.db = PostgresDatabase(url)
        make = Make(self.db, datetime(2026, 11, 20, 5, 0, tzinfo=UTC))
        self.chefs = [make.chef(rate) for rate in (399_00, 499_00, 599_00)]
        self.customers = [make.customer() for _ in range(3)]
        self.admin = make.admin()
        self._days = count(1)
        self._first = make.now

    def next_day(self) -> datetime:
        return self._first + timedelta(days=2 * next(self._days))


@dataclass
class Case:
    """A booking during a race, one millisecond before its payment deadline.

    `txn` is the attempt the operations act on: for a paid booking, an earlier attempt that failed. `done` lists the
    operations that were not refused.
    """

    world: World
    bank: Bank
    began: datetime
    booking: BookingView | None = None
    txn: str | None = None
    done: list[str] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        return self.began + RULES.time_to_pay - ALMOST

    @property
    def make(self) -> Make:
        return Make(self.world.db, self.began)

    @classmethod
    def of(cls, world: World, one: str, other: str) -> "Case":
        """Return a case in which both operations can have an effect."""
        pair, case = {one, other}, cls(world, Bank(), world.next_day())
        if pair == {"create"}:
            return case
        case.booking = case.make.booking(world.customers[0])
        about_money = pair & (NEED_DECISION | DECIDES)
        if "refund" in pair or pair <= {"cancel", "reassign", "assign", "create"}:
            case._pay(after_a_failure=bool(about_money))
        elif about_money or "expire" in pair:
            case.txn = case._page()
        if case.txn and pair & NEED_DECISION and not pair & DECIDES:
            case.bank.decide(case.txn, GatewayStatus.SUCCEEDED)
        return case

    def _page(self) -> str:
        assert self.booking
        return self.make.page(self.bank, self.world.customers[0], self.booking.id).merchant_txn_id

    def _pay(self, *, after_a_failure: bool) -> None:
        """Pay the booking by a second attempt; the first failed and may still succeed."""
        everything = Operations(self, self.world.db, self.bank, 0)
        if after_a_failure:
            self.txn = self._page()
            self.bank.decide(self.txn, GatewayStatus.FAILED, may_still_succeed=True)
            everything.follow(self.txn, self.began)
        paid_by = self._page()
        self.bank.decide(paid_by, GatewayStatus.SUCCEEDED)
        everything.follow(paid_by, self.began)


@dataclass
class Operations:
    """The operations by name; `side` distinguishes the two of a race."""

    case: Case
    db: Database
    gateway: Gateway
    side: int

    def create(self) -> None:
        guest = self.case.world.customers[1 + self.side]
        request = self._make.request(guest, **self._wish())
        placement.place(self._make.begin(guest), LINE, request, lambda _: None, RULES, self.case.now)

    def _wish(self) -> dict[str, UUID]:
        return {} if self.case.booking else {"chef_id": self.case.world.chefs[0].id}

    def initiate(self) -> None:
        self._make.page(self.gateway, self.case.world.customers[0], self._booking.id, self.case.now)

    def pay_success(self) -> None:
        self.case.bank.decide(self._txn, GatewayStatus.SUCCEEDED)
        self.follow(self._txn, self.case.now)

    def pay_fail(self) -> None:
        self.case.bank.decide(self._txn, GatewayStatus.FAILED)
        self.follow(self._txn, self.case.now)

    def callback(self) -> None:
        body = f"{self._txn} {self.side}".encode()
        with self.db.transaction() as session:
            inbox.receive(session, "scripted", body, "payments.callback", self.case.now)
        [(message_id,)] = self._make.rows("select id from inbox where body = :body", body=body)
        self.poll_payment(message_id, self.case.now)

    def poll_payment(self, message_id: UUID, now: datetime) -> None:
        """Poll the payment as the callback's handler does."""
        with self.db.reading() as session:
            our_id = inbox.message(session, message_id)[1].decode().split()[0]
        outcome = self.follow(our_id, now)
        with self.db.transaction() as session:
            inbox.mark_processed(session, message_id, our_id, outcome, now)

    def poll(self) -> None:
        [(attempt,)] = self._make.rows("select id from payment_attempts where merchant_txn_id = :txn", txn=self._txn)
        status_polling.poll_for_customer(self.db, always(self.gateway), line, attempt, self.case.now)

    def reconcile(self) -> None:
        assert status_polling.reconcile(self.db, always(self.gateway), line, self.case.now).failed == 0

    def cancel(self) -> None:
        with self._make.begin(self.case.world.customers[0])() as (session, caller):
            cancellation.cancel(session, LINE, caller.id, self._booking.id, PLANS, None, self.case.now)

    def expire(self, now: datetime | None = None) -> None:
        expiry.expire(self.db, line, now or self.case.now + ALMOST)

    def reassign(self) -> None:
        """The chef declines, so the next chef gets the offer."""
        self._make.step(self._booking, "declined", chef_id=self.case.world.chefs[0].id, now=self.case.now)

    def assign(self) -> None:
        """An admin assigns the next chef."""
        begin = self._make.begin_as_actor(self.case.world.admin.id, ADMIN)
        assignment.assign(begin, LINE, self._booking.id, self.case.world.chefs[1].id, None, self.case.now)

    def refund(self) -> None:
        """Refund more than half and send it: of two such refunds only one fits."""
        command = RefundCommand(self._booking.total * 6 // 10, ADMIN_REFUND, Bearer.PLATFORM)
        with self.db.transaction() as session:
            refund = admin_refund.refund(session, line, self._booking.id, command, self.case.world.admin, self.case.now)
        self.send(refund.id, self.case.now)

    def send(self, refund_id: UUID, now: datetime) -> None:
        refunding.advance(self.db, always(self.gateway), line, refund_id, now)

    def follow(self, our_id: str, now: datetime) -> str:
        return status_polling.poll_by_our_id(self.db, always(self.gateway), line, our_id, now)

    @property
    def _make(self) -> Make:
        return Make(self.db, self.case.began)

    @property
    def _booking(self) -> BookingView:
        assert self.case.booking
        return self.case.booking

    @property
    def _txn(self) -> str:
        assert self.case.txn
        return self.case.txn
