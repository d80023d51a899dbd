"""Start a payment: store our row, call the gateway, return its page (docs/product.md#attempts).

The network call is between two short transactions, never inside one. A payment has one live attempt at a time.
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

# A pay call ends within this time; an older row without a page belongs to a call whose process died.
CALL_ENDS = timedelta(seconds=20)
Begin = Callable[[], AbstractContextManager[tuple[Session, Caller]]]


class NotPayable(Refusal):
    code, title = "not_payable", "Nothing to pay"


class PaymentInProgress(Refusal):
    code, title = "payment_in_progress", "A payment is under way"

    def __init__(self) -> None:
        super().__init__("An earlier payment of this booking is still being processed.", retry_after=10)


class TooManyPayments(TooManyRequests):
    code, title = "too_many_payments", "Too many payment attempts in an hour"


@dataclass(frozen=True)
class Windows:
    """How long a page is reused, how far an attempt extends the deadline to pay, and the most attempts in an hour."""

    reuse: timedelta
    extension: timedelta
    per_hour: int


@dataclass(frozen=True)
class Page:
    payment_url: str
    merchant_txn_id: str


@dataclass(frozen=True)
class Checkout:
    """Starts payments at `gateway`; `return_url` takes a booking and our id."""

    db: Database
    gateway: Gateway
    gateways: Gateways
    lines: Lines
    windows: Windows
    return_url: Callable[[Booking, str], str]

    def start(self, begin: Begin, booking_id: UUID, key: Callable[[Caller], Key | None], now: datetime) -> Page:
        """Return a page to pay a booking on, the same one within the reuse window.

        `begin` opens a transaction with its caller; `key` is the request's idempotency key.
        Raises BookingNotFound, NotPayable, PaymentInProgress, TooManyPayments, GatewayUnavailable.
        """
        polled: UUID | None = None
        while True:
            with begin() as (session, caller):
                own_key = key(caller)
                step = self._decide(session, caller, booking_id, own_key, now, polled=polled)
            if isinstance(step, Page):
                return step
            if isinstance(step, Order):
                return self._open(step, booking_id, own_key, now)
            polled = step
            status_polling.poll_attempt(self.db, self.gateways, self.lines, step, now)

    def _decide(
        self, session: Session, caller: Caller, booking_id: UUID, key: Key | None, now: datetime, polled: UUID | None
    ) -> Page | Order | UUID:
        """Decide on locked rows: return the existing page, a new order to send, or the id of an attempt to poll first."""
        replayed = _replayed_page(session, key, now)
        if replayed:
            return replayed
        locked_payment, begun = _owned(session, caller.id, booking_id, now)
        _refuse_unpayable(session, locked_payment, now)
        live = queries.live_attempt(session, locked_payment.payment.id)
        if live is not None:
            if live.payment_url and now - live.started_at < self.windows.reuse:
                _store_answer(session, key, live.id, now)
                return Page(live.payment_url, live.merchant_txn_id)
            if live.payment_url and live.id != polled:
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
        """Return how many seconds a page opened now may stay open: no longer than its booking waits for a payment."""
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
                _store_answer(session, key, opened, now)
        return Page(url, order.merchant_txn_id)

    def _refused(self, order: Order, booking_id: UUID, code: str, now: datetime) -> None:
        with self.db.transaction() as session:
            queries.locked(session, booking_id)
            attempt = queries.attempt_by_our_id(session, order.merchant_txn_id)
            if attempt is not None and attempt.state == AttemptState.CREATED:
                _fail(attempt, code, now)


def _store_answer(session: Session, key: Key | None, attempt_id: UUID, now: datetime) -> None:
    """Store the answer under its key only once there is a page, so that a failed call does not block its key."""
    with suppress(idempotency.Replayed):  # a concurrent request with this key was first, with the same page
        idempotency.store(session, key, 200, {"attempt_id": str(attempt_id)}, now)


def _state(session: Session, order: Order) -> AttemptState:
    return session.scalars(select(Attempt.state).where(Attempt.merchant_txn_id == order.merchant_txn_id)).one()


def _replayed_page(session: Session, key: Key | None, now: datetime) -> Page | None:
    """Return the page that an earlier request with this key has opened; None if there is none."""
    try:
        idempotency.replay(session, key, now)
    except idempotency.Replayed as replayed:
        attempt = session.get_one(Attempt, UUID(replayed.answer["attempt_id"]))
        assert attempt.payment_url, "a key is stored only once there is a page"  # noqa: S101
        return Page(attempt.payment_url, attempt.merchant_txn_id)
    return None


def _owned(session: Session, customer_id: UUID, booking_id: UUID, now: datetime) -> tuple[LockedPayment, LastHour]:
    begun = queries.begun_by_owner(session, customer_id, booking_id, now)
    if begun is None:
        raise BookingNotFound
    return queries.locked(session, booking_id), begun


def _refuse_unpayable(session: Session, locked_payment: LockedPayment, now: datetime) -> None:
    booking = locked_payment.booking
    if booking.status == Status.CANCELLED:
        raise NotPayable("The booking is cancelled.", status_now=booking.status)
    if booking.payment_status not in UNPAID:
        raise NotPayable("The booking is paid.", payment_status=booking.payment_status)
    if booking.pay_by is not None and booking.pay_by <= now:
        raise NotPayable("The time to pay this booking has passed.", pay_by=booking.pay_by.isoformat())
    if queries.under_review(session, booking.id):
        raise NotPayable("A payment of this booking is under manual review.")


def _replace(attempt: Attempt, now: datetime) -> None:
    """Fail an attempt that never got a page, so that a new one can replace it."""
    _fail(attempt, "no_page", now)


def _fail(attempt: Attempt, code: str, now: datetime) -> None:
    attempt.state = ATTEMPT.move(attempt.state, AttemptState.FAILED)
    attempt.code, attempt.settled_at = code, now
    attempt.next_poll_at = None
