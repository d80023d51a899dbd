"""A customer starts to pay: our row first, then the gateway, then its page (docs/product.md#attempts).

Two short transactions with the network between them, never inside. One attempt lives at a time.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.bookings import transitions
from shared.bookings.history import Actor, note
from shared.bookings.lifecycle import UNPAID, PaymentStatus, Status
from shared.bookings.line import Lines
from shared.bookings.models import Booking
from shared.bookings.queries import BookingNotFound
from shared.idempotency import queries as idempotency
from shared.idempotency.queries import Key
from shared.kit.database import Database
from shared.kit.errors import Refusal, TooManyRequests
from shared.kit.ids import merchant_id, new_id
from shared.kit.rate_limit import LastHour
from shared.payments import poll_queue, queries, status_polling
from shared.payments.gateway import Gateway, GatewayRefused, Gateways, GatewayUnavailable, Order
from shared.payments.lifecycle import ATTEMPT, AttemptState
from shared.payments.models import Attempt
from shared.payments.poll_schedule import next_poll
from shared.payments.queries import LockedPayment
from shared.sign_in.sessions import Caller

# A pay call is answered or given up within this; a row without a page that is older belongs to a call that died.
CALL_ENDS = timedelta(seconds=20)
Begin = Callable[[], AbstractContextManager[tuple[Session, Caller]]]


class NotPayable(Refusal):
    code, title = "not_payable", "Nothing to pay"


class PaymentInProgress(Refusal):
    code, title = "payment_in_progress", "A payment is under way"

    def __init__(self) -> None:
        super().__init__("An earlier payment of this booking is still being decided.", retry_after=10)


class TooManyPayments(TooManyRequests):
    code, title = "too_many_payments", "Too many tries to pay in an hour"


@dataclass(frozen=True)
class Windows:
    """How long a page is given again, how far an attempt carries the deadline to pay, how many begin in an hour."""

    reuse: timedelta
    extension: timedelta
    per_hour: int


@dataclass(frozen=True)
class Page:
    payment_url: str
    merchant_txn_id: str


@dataclass(frozen=True)
class Checkout:
    """Everything a payment is started with, at `gateway`; `return_url` takes a booking and our id."""

    db: Database
    gateway: Gateway
    gateways: Gateways
    lines: Lines
    windows: Windows
    return_url: Callable[[Booking, str], str]

    def start(self, begin: Begin, booking_id: UUID, key: Callable[[Caller], Key | None], now: datetime) -> Page:
        """Return a page to pay a booking on, the same one while it is fresh.

        `begin` opens a transaction that knows its caller; `key` is the request's idempotency key.
        Raises BookingNotFound, NotPayable, PaymentInProgress, TooManyPayments, GatewayUnavailable.
        """
        known: UUID | None = None
        while True:
            with begin() as (session, caller):
                own_key = key(caller)
                step = self._decide(session, caller, booking_id, own_key, now, asked=known)
            if isinstance(step, Page):
                return step
            if isinstance(step, Order):
                return self._open(step, booking_id, own_key, now)
            known = step
            status_polling.poll_attempt(self.db, self.gateways, self.lines, step, now)

    def _decide(
        self, session: Session, caller: Caller, booking_id: UUID, key: Key | None, now: datetime, asked: UUID | None
    ) -> Page | Order | UUID:
        """Decide on locked rows: the page there is, a new order to send, or the attempt to ask about first."""
        repeated = _repeated(session, key, now)
        if repeated:
            return repeated
        locked_payment, begun = _owned(session, caller.id, booking_id, now)
        _refuse_what_is_not_payable(session, locked_payment, now)
        live = queries.live_attempt(session, locked_payment.payment.id)
        if live is not None:
            if live.payment_url and now - live.started_at < self.windows.reuse:
                _keep(session, key, live.id, now)
                return Page(live.payment_url, live.merchant_txn_id)
            if live.payment_url and live.id != asked:
                return live.id
            if live.payment_url or now - live.started_at < CALL_ENDS:
                raise PaymentInProgress
            _replace(live, now)
            session.flush()
        begun.refuse_beyond(self.windows.per_hour, TooManyPayments, now)
        attempt = self._begin(session, caller, locked_payment, now)
        return_url = self.return_url(locked_payment.booking, attempt.merchant_txn_id)
        return Order(
            attempt.merchant_txn_id,
            attempt.amount,
            caller.id.hex,
            return_url,
            self._open_seconds(locked_payment.booking, now),
        )

    def _open_seconds(self, booking: Booking, now: datetime) -> int:
        """Return how long a page begun now may stay open: no longer than its booking waits for a payment."""
        carried = now + self.windows.extension
        return int((min(carried, booking.pay_by or carried) - now).total_seconds())

    def _begin(self, session: Session, caller: Caller, locked_payment: LockedPayment, now: datetime) -> Attempt:
        booking = locked_payment.booking
        attempt = Attempt(
            id=new_id(),
            payment_id=locked_payment.payment.id,
            booking_id=booking.id,
            gateway=self.gateway.name,
            merchant_txn_id=merchant_id(booking.ref.partition("-")[0]),
            amount=locked_payment.payment.amount,
            state=AttemptState.CREATED,
            started_at=now,
            next_poll_at=next_poll(now, now),
            created_at=now,
        )
        session.add(attempt)
        transitions.set_payment_status(booking, PaymentStatus.PENDING)
        carried = now + self.windows.extension
        if booking.pay_by and booking.pay_by < carried and not booking.pay_by_extended:
            booking.pay_by, booking.pay_by_extended = carried, True
        actor = Actor(caller.role, caller.id)
        note(session, booking, actor, now, kind="payment_started", merchant_txn_id=attempt.merchant_txn_id)
        session.flush()
        return attempt

    def _open(self, order: Order, booking_id: UUID, key: Key | None, now: datetime) -> Page:
        try:
            url = self.gateway.start(order)
        except GatewayRefused as refusal:
            self._refused(order, booking_id, refusal.code, now)
            raise GatewayUnavailable(refusal.code) from refusal
        with self.db.transaction() as session:
            opened = poll_queue.open_attempt(session, order.merchant_txn_id, url, now)
            if opened is None and _state(session, order) is AttemptState.FAILED:
                raise PaymentInProgress  # the call took so long that another attempt replaced this one
            if opened is not None:
                _keep(session, key, opened, now)
        return Page(url, order.merchant_txn_id)

    def _refused(self, order: Order, booking_id: UUID, code: str, now: datetime) -> None:
        with self.db.transaction() as session:
            queries.locked(session, booking_id)
            attempt = queries.attempt_by_our_id(session, order.merchant_txn_id)
            if attempt is not None and attempt.state == AttemptState.CREATED:
                _fail(attempt, code, now)


def _keep(session: Session, key: Key | None, attempt_id: UUID, now: datetime) -> None:
    """Keep the answer under its key only now that there is a page: a call that died leaves no key that blocks."""
    with suppress(idempotency.Replayed):  # its twin was first, with the same page
        idempotency.store(session, key, 200, {"attempt_id": str(attempt_id)}, now)


def _state(session: Session, order: Order) -> AttemptState:
    state = session.scalars(select(Attempt.state).where(Attempt.merchant_txn_id == order.merchant_txn_id)).one()
    return AttemptState(state)


def _repeated(session: Session, key: Key | None, now: datetime) -> Page | None:
    """Return the page of the attempt this very request started before."""
    try:
        idempotency.replay(session, key, now)
    except idempotency.Replayed as replayed:
        attempt = session.get_one(Attempt, UUID(replayed.answer["attempt_id"]))
        assert attempt.payment_url, "a key is kept once there is a page"  # noqa: S101
        return Page(attempt.payment_url, attempt.merchant_txn_id)
    return None


def _owned(session: Session, customer_id: UUID, booking_id: UUID, now: datetime) -> tuple[LockedPayment, LastHour]:
    begun = queries.begun_by_owner(session, customer_id, booking_id, now)
    if begun is None:
        raise BookingNotFound
    return queries.locked(session, booking_id), begun


def _refuse_what_is_not_payable(session: Session, locked_payment: LockedPayment, now: datetime) -> None:
    booking = locked_payment.booking
    if booking.status == Status.CANCELLED:
        raise NotPayable("The booking is cancelled.", status_now=booking.status)
    if booking.payment_status not in UNPAID:
        raise NotPayable("The booking is paid.", payment_status=booking.payment_status)
    if booking.pay_by is not None and booking.pay_by <= now:
        raise NotPayable("The time to pay this booking is over.", pay_by=booking.pay_by.isoformat())
    if queries.under_review(session, booking.id):
        raise NotPayable("A payment of this booking is being looked at by a person.")


def _replace(attempt: Attempt, now: datetime) -> None:
    """Give up an attempt whose page nobody ever saw."""
    _fail(attempt, "no_page", now)


def _fail(attempt: Attempt, code: str, now: datetime) -> None:
    attempt.state = ATTEMPT.move(attempt.state, AttemptState.FAILED)
    attempt.code, attempt.settled_at = code, now
    attempt.next_poll_at = None
