from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypedDict, cast
from uuid import UUID

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session, aliased

from shared.bookings import queries as bookings
from shared.bookings.lifecycle import PaymentStatus
from shared.bookings.line import PaidPayment
from shared.bookings.models import Booking, ManualReview
from shared.kit import retention
from shared.kit.base import for_update
from shared.kit.paging import PageQuery, Position, after, page_of, within_days
from shared.kit.rate_limit import HOUR, LastHour
from shared.kit.retention import purge_aged
from shared.ledger.postings import Bearer
from shared.payments.lifecycle import LIVE, UNFINISHED, AttemptState, Capture, RefundState
from shared.payments.matching import PaymentRequest
from shared.payments.models import CASH_REFUND, Attempt, Payment, ReconciliationRun, Refund
from shared.payments.schemas import PaymentsQuery


@dataclass(frozen=True)
class LockedPayment:
    """A payment and its booking, both rows locked."""

    booking: Booking
    payment: Payment


def locked(session: Session, booking_id: UUID) -> LockedPayment:
    """Lock a booking, then its latest payment that is not withdrawn (the order of locks)."""
    booking = bookings.locked(session, booking_id)
    not_withdrawn = select(Payment).where(Payment.booking_id == booking_id, Payment.withdrawn_at.is_(None))
    latest = not_withdrawn.order_by(Payment.created_at.desc(), Payment.id).limit(1)
    payment: Payment = session.scalars(for_update(latest)).one()
    return LockedPayment(booking, payment)


def paid_payment(payment: Payment) -> PaidPayment:
    """Return the payment's data for its line."""
    return PaidPayment(payment.id, payment.purpose, payment.amount)


def locked_if_known(session: Session, booking_id: UUID) -> LockedPayment | None:
    """Lock a booking and its payment as `locked` does; None if there is no such booking."""
    found = session.scalars(select(Booking.id).where(Booking.id == booking_id)).one_or_none()
    return locked(session, booking_id) if found else None


def locked_attempt(session: Session, attempt_id: UUID) -> Attempt:
    attempt: Attempt = session.scalars(for_update(select(Attempt).where(Attempt.id == attempt_id))).one()
    return attempt


def locked_refund(session: Session, refund_id: UUID) -> Refund:
    refund: Refund = session.scalars(for_update(select(Refund).where(Refund.id == refund_id))).one()
    return refund


def begun_by_owner(session: Session, customer_id: UUID, booking_id: UUID, now: datetime) -> LastHour | None:
    """Return the count of attempts a customer began in the last hour; None if the booking is not theirs."""
    any_of_theirs = aliased(Booking)
    begun = (
        select(func.jsonb_build_array(func.count(), func.min(Attempt.started_at)))
        .join(any_of_theirs, any_of_theirs.id == Attempt.booking_id)
        .where(any_of_theirs.customer_id == customer_id, Attempt.started_at > now - HOUR)
        .scalar_subquery()
    )
    own = select(begun).where(Booking.id == booking_id, Booking.customer_id == customer_id)
    row = session.execute(own).one_or_none()
    return LastHour.of(row[0]) if row else None


def live_attempt(session: Session, payment_id: UUID) -> Attempt | None:
    """Return the attempt that has not ended, locked; None where there is none."""
    statement = select(Attempt).where(Attempt.payment_id == payment_id, Attempt.state.in_(LIVE))
    attempt: Attempt | None = session.scalars(for_update(statement)).one_or_none()
    return attempt


def has_live_attempt(session: Session, payment_id: UUID) -> bool:
    """Return whether a payment has a live attempt, without a lock."""
    live = select(Attempt.id).where(Attempt.payment_id == payment_id, Attempt.state.in_(LIVE))
    return session.scalars(live.limit(1)).first() is not None


def attempt_by_our_id(session: Session, merchant_txn_id: str) -> Attempt | None:
    return session.scalars(select(Attempt).where(Attempt.merchant_txn_id == merchant_txn_id)).one_or_none()


def refund_by_our_id(session: Session, merchant_refund_id: str) -> Refund | None:
    return session.scalars(select(Refund).where(Refund.merchant_refund_id == merchant_refund_id)).one_or_none()


_OF_CUSTOMER = (
    select(Attempt.id, Attempt.merchant_txn_id, Attempt.state, Attempt.amount, Attempt.asked_at, Attempt.booking_id)
    .add_columns(Booking.ref.label("booking_ref"), Booking.payment_status)
    .join(Booking, Booking.id == Attempt.booking_id)
    .where(Attempt.merchant_txn_id == bindparam("txn"), Booking.customer_id == bindparam("customer"))
)


class CustomersAttempt(TypedDict):
    """The columns of an attempt that its customer may see; the amount is paise."""

    id: UUID
    merchant_txn_id: str
    state: AttemptState
    amount: int
    asked_at: datetime | None
    booking_id: UUID
    booking_ref: str
    payment_status: PaymentStatus


def attempt_of_customer(session: Session, customer_id: UUID, merchant_txn_id: str) -> CustomersAttempt | None:
    """Return an attempt to pay a customer's own booking, None where there is none."""
    found = session.execute(_OF_CUSTOMER, {"customer": customer_id, "txn": merchant_txn_id}).mappings().one_or_none()
    return cast("CustomersAttempt | None", found)


def is_paid(session: Session, payment_id: UUID) -> bool:
    return session.query(Attempt.id).filter_by(payment_id=payment_id, capture=Capture.APPLIED).first() is not None


def applied_attempt(session: Session, payment_id: UUID) -> Attempt | None:
    """Return the attempt that paid a booking, locked; None while it is unpaid."""
    statement = select(Attempt).where(Attempt.payment_id == payment_id, Attempt.capture == Capture.APPLIED)
    attempt: Attempt | None = session.scalars(for_update(statement)).one_or_none()
    return attempt


def applied_attempt_of(session: Session, booking_id: UUID) -> Attempt | None:
    """Return the attempt that paid a booking, without a lock; None while it is unpaid."""
    paid = select(Attempt).where(Attempt.booking_id == booking_id, Attempt.capture == Capture.APPLIED)
    return session.scalars(paid).one_or_none()


def under_review(session: Session, booking_id: UUID) -> bool:
    """Return whether this booking has an open manual review of its money; a refund in cash does not count."""
    named = (ManualReview.booking_id == booking_id, ManualReview.closed_at.is_(None))
    about_money = (
        ManualReview.subject_id != booking_id
    )  # an attempt or a refund; a review of the booking itself is not about money
    in_doubt = (about_money, ManualReview.kind != CASH_REFUND)
    return session.scalars(select(ManualReview.id).where(*named, *in_doubt).limit(1)).first() is not None


def captured_and_refunded(session: Session, payment_id: UUID) -> tuple[int, int]:
    """Return the paise captured for a payment and the paise refunded of them, duplicates left out of both."""
    counted = (Attempt.payment_id == payment_id) & Attempt.capture.in_([Capture.APPLIED, Capture.LATE])
    captured = select(func.coalesce(func.sum(Attempt.amount), 0)).where(counted).scalar_subquery()
    refunded = (
        select(func.coalesce(func.sum(Refund.amount), 0))
        .join(Attempt, Attempt.id == Refund.attempt_id)
        .where(counted, Refund.state == RefundState.DONE)
        .scalar_subquery()
    )
    row = session.execute(select(captured, refunded)).one()
    return int(row[0]), int(row[1])


def reserved(session: Session, attempt_id: UUID) -> int:
    """Return the paise of an attempt that are refunded or being refunded, manually or not."""
    total = select(func.coalesce(func.sum(Refund.amount), 0)).where(Refund.attempt_id == attempt_id)
    return int(session.scalars(total).one())


def refunded_of_total(session: Session, attempt: Attempt, total: int) -> int:
    """Return the paise of a booking's total that are refunded or being refunded.

    A capture above the total was refunded when the booking became cheaper, so that refund does not count.
    """
    return reserved(session, attempt.id) - (attempt.amount - total)


def refunds_of(session: Session, booking_id: UUID) -> Sequence[Refund]:
    """Return the refunds of a booking's applied payment, done or under way, the oldest first."""
    statement = select(Refund).join(Attempt, Attempt.id == Refund.attempt_id)
    of_it = (Attempt.booking_id == booking_id, Attempt.capture == Capture.APPLIED)
    return session.scalars(statement.where(*of_it).order_by(Refund.created_at, Refund.id)).all()


@dataclass(frozen=True)
class NetCaptured:
    """The rest of a capture after its refunds, and the part of the refunds the provider bears; paise."""

    amount: int
    borne_by_provider: int


def net_captured(session: Session, booking_id: UUID, since: datetime | None) -> NetCaptured:
    """Return a paid booking's capture less its refunds, and the refunds since `since` that the provider bears."""
    borne = Refund.borne_by == Bearer.PROVIDER
    if since is not None:
        borne &= Refund.created_at >= since
    row = session.execute(
        select(
            Attempt.amount - func.coalesce(func.sum(Refund.amount), 0),
            func.coalesce(func.sum(Refund.amount).filter(borne), 0),
        )
        .outerjoin(Refund, Refund.attempt_id == Attempt.id)
        .where(Attempt.booking_id == booking_id, Attempt.capture == Capture.APPLIED)
        .group_by(Attempt.id)
    ).one()
    return NetCaptured(int(row[0]), int(row[1]))


def payment_request(attempt: Attempt, merchant: str) -> PaymentRequest:
    """Return the request as sent to the gateway, to compare its answer with."""
    return PaymentRequest(merchant, attempt.merchant_txn_id, attempt.amount, attempt.currency, attempt.started_at)


def claim_poll(session: Session, attempt_id: UUID, now: datetime, every: timedelta) -> bool:
    """Lock an attempt and claim its one poll within `every`; False while another client's request has it."""
    unasked = Attempt.asked_at.is_(None) | (Attempt.asked_at <= now - every)
    statement = select(Attempt).where(Attempt.id == attempt_id, Attempt.state.in_(LIVE), unasked)
    attempt: Attempt | None = session.scalars(for_update(statement, skip_locked=True)).one_or_none()
    if attempt is None:
        return False
    attempt.asked_at = now
    return True


def poll_again(session: Session, kind: type[Attempt] | type[Refund], row_id: UUID, at: datetime) -> None:
    """Schedule one more poll for an attempt or a refund that has not ended and is no longer polled."""
    unended = (kind.id == row_id, kind.state.in_(LIVE | UNFINISHED), kind.next_poll_at.is_(None))
    session.execute(update(kind).where(*unended).values(next_poll_at=at))


def of_booking(session: Session, booking_id: UUID) -> dict[Attempt, list[Refund]]:
    """Return the payment attempts of a booking with their refunds, the oldest first, in one statement."""
    rows = session.execute(
        select(Attempt, Refund)
        .outerjoin(Refund, Refund.attempt_id == Attempt.id)
        .where(Attempt.booking_id == booking_id)
        .order_by(Attempt.created_at, Attempt.id, Refund.created_at, Refund.id)
    ).all()
    found: dict[Attempt, list[Refund]] = {}
    for attempt, refund in rows:
        found.setdefault(attempt, []).extend([refund] if refund else [])
    return found


def list_attempts(session: Session, query: PaymentsQuery) -> tuple[list[tuple[Attempt, str]], str | None]:
    """Return the attempts that match an admin's query with their bookings' references, the newest first, in one statement."""
    exactly: dict[Any, Any] = {
        Attempt.state: query.state,
        Attempt.gateway: query.gateway,
        Attempt.booking_id: query.booking_id,
        Attempt.merchant_txn_id: query.merchant_txn_id,
    }
    rows = session.execute(
        select(Attempt, Booking.ref)
        .join(Booking, Booking.id == Attempt.booking_id)
        .where(*(column == value for column, value in exactly.items() if value is not None))
        .where(*within_days(Attempt.created_at, query.date_from, query.date_to))
        .where(*after(query, Attempt.created_at, Attempt.id))
        .order_by(Attempt.created_at.desc(), Attempt.id.desc())
        .limit(query.limit + 1)
    ).all()
    found = [(row[0], row[1]) for row in rows]
    return page_of(found, query.limit, lambda row: Position(row[0].created_at, row[0].id))


def list_reconciliations(session: Session, page: PageQuery) -> tuple[list[ReconciliationRun], str | None]:
    """Return the rounds of reconciliation that polled anything, the newest first."""
    rows = session.scalars(
        select(ReconciliationRun)
        .where(*after(page, ReconciliationRun.started_at, ReconciliationRun.id))
        .order_by(ReconciliationRun.started_at.desc(), ReconciliationRun.id.desc())
        .limit(page.limit + 1)
    ).all()
    return page_of(rows, page.limit, lambda row: Position(row.started_at, row.id))


def purge(session: Session, now: datetime, limit: int) -> int:
    """Delete some of the oldest reconciliation runs; returns how many. Payments and refunds are kept for ever."""
    return purge_aged(session, "reconciliation_runs", "started_at", now - retention.RECONCILIATIONS, limit)
