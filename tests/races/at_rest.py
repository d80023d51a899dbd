"""Completes outstanding work after a race, and asserts everybody's final money and time."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shared.appointments.lifecycle import OfferState
from shared.appointments.models import Offer
from shared.bookings.lifecycle import ACTIVE, Acceptance, PaymentStatus, Status, allowed_at_commit
from shared.bookings.models import Booking, BookingEvent, ManualReview
from shared.ledger import queries as ledger
from shared.payments import queries as payments
from shared.payments.gateway import GatewayStatus
from shared.payments.lifecycle import AttemptState, RefundState
from shared.payments.models import Attempt, Refund
from tests.races.operations import ADMIN_REFUND, PLANS, Case, Operations

SOON, LATER = timedelta(minutes=1), timedelta(hours=25)
DUE_MESSAGES = """
update outbox set done_at = :now where done_at is null and created_at >= :began and due_at <= :now
and kind in ('payments.refund', 'payments.callback') returning kind, payload
"""
LIVE_PAYMENTS = """
select merchant_txn_id from payment_attempts
where created_at >= :began and (state in ('created', 'pending') or next_poll_at is not null)
"""


def assert_ends_well(case: Case) -> None:
    """Assert that no visits overlap, complete outstanding work, then assert the final state."""
    _assert_one_visit_at_a_time(case)
    come_to_rest(case)
    assert_at_rest(case)


def _assert_one_visit_at_a_time(case: Case) -> None:
    with case.world.db.reading() as session:
        visits = [booking for booking in _bookings(session, case.began) if booking.status in ACTIVE]
    assert len({visit.provider_id for visit in visits}) == len(visits), "two visits of one chef"
    assert len({visit.customer_id for visit in visits}) == len(visits), "two visits of one customer"


def come_to_rest(case: Case) -> None:
    """Complete outstanding work: decide every payment, handle outbox messages, pass the payment deadline."""
    operations, at = Operations(case, case.world.db, case.bank, 0), case.now + SOON
    case.bank.decide_the_rest()
    for (our_id,) in case.make.rows(LIVE_PAYMENTS, began=case.began):
        operations.follow(our_id, at)
    _handle_messages(case, operations, at)
    operations.expire(case.now + LATER)


def _handle_messages(case: Case, operations: Operations, at: datetime) -> None:
    with case.world.db.transaction() as session:
        messages = session.execute(text(DUE_MESSAGES), {"now": at, "began": case.began}).all()
    for kind, payload in messages:
        if kind == "payments.refund":
            operations.send(UUID(payload["refund_id"]), at)
        else:
            operations.poll_payment(UUID(payload["inbox_id"]), at)


def _bookings(session: Session, since: datetime) -> list[Booking]:
    return list(session.scalars(select(Booking).where(Booking.created_at >= since).order_by(Booking.created_at)))


def assert_at_rest(case: Case) -> None:
    """Assert that the final state is fair and nothing is outstanding."""
    with case.world.db.reading() as session:
        bookings = _bookings(session, case.began)
        for booking in bookings:
            tries = payments.of_booking(session, booking.id)
            refunds = [refund for of_one in tries.values() for refund in of_one]
            _assert_ended(case, tries, refunds)
            _assert_money(session, case, booking, tries, refunds)
            _assert_fair(session, booking, tries, refunds)
            _assert_offered(session, booking)
            _assert_events_once(session, booking)
        _assert_done(session, case, bookings)


def _assert_done(session: Session, case: Case, bookings: list[Booking]) -> None:
    """Assert that each accepted operation had one effect, and each refused one none."""
    owner = case.world.customers[0].id
    cancelled = [booking for booking in bookings if booking.cancellation_reason == PLANS]
    admin_refunds = session.scalars(
        select(Refund.id).where(Refund.reason == ADMIN_REFUND, Refund.created_at >= case.began)
    ).all()
    happened = {
        "create": len([booking for booking in bookings if booking.customer_id != owner]),
        "cancel": len(cancelled),
        "refund": len(admin_refunds),
    }
    assert happened == {name: case.done.count(name) for name in happened}


def _assert_ended(case: Case, tries: dict[Attempt, list[Refund]], refunds: list[Refund]) -> None:
    for attempt in tries:
        paid = case.bank.answers[attempt.merchant_txn_id].status is GatewayStatus.SUCCEEDED
        assert attempt.state == (AttemptState.SUCCEEDED if paid else AttemptState.FAILED)
        assert attempt.next_poll_at is None
    assert {refund.state for refund in refunds} <= {RefundState.DONE}
    assert len([attempt for attempt in tries if attempt.capture == "applied"]) <= 1


def _assert_money(
    session: Session, case: Case, booking: Booking, tries: dict[Attempt, list[Refund]], refunds: list[Refund]
) -> None:
    balance = ledger.balances(session, booking.id)
    sent_back = [refund.merchant_refund_id for refund in refunds]
    holds = case.bank.holds([attempt.merchant_txn_id for attempt in tries], sent_back)
    assert sum(balance.values()) == 0
    assert balance.get("gateway_clearing", 0) == holds
    assert balance.get("customer_advance", 0) == -holds, "nothing is owed back, and nothing was earned yet"


def _assert_fair(session: Session, booking: Booking, tries: dict[Attempt, list[Refund]], refunds: list[Refund]) -> None:
    """Assert that the customer paid for a visit (less refunds), or has all of the money."""
    assert allowed_at_commit(
        Status(booking.status), PaymentStatus(booking.payment_status), Acceptance(booking.acceptance)
    )
    assert session.scalars(select(ManualReview.kind).where(ManualReview.booking_id == booking.id)).all() == []
    paid = sum(attempt.amount for attempt in tries if attempt.state == AttemptState.SUCCEEDED)
    back = sum(refund.amount for refund in refunds)
    refunded_by_admin = sum(refund.amount for refund in refunds if refund.reason == ADMIN_REFUND)
    assert paid - back == (0 if booking.status == Status.CANCELLED else booking.total - refunded_by_admin)


def _assert_offered(session: Session, booking: Booking) -> None:
    """Assert that a standing visit has one chef with an unexpired offer, and any other visit no open offer."""
    is_open = (Offer.booking_id == booking.id, Offer.state == OfferState.OPEN)
    offered = session.scalars(select(Offer.provider_id).where(*is_open, Offer.expires_at.is_not(None))).all()
    assert offered == ([booking.provider_id] if booking.status == Status.CONFIRMED else [])
    assert booking.status in {Status.CONFIRMED, Status.CANCELLED}


def _assert_events_once(session: Session, booking: Booking) -> None:
    kinds = session.scalars(select(BookingEvent.kind).where(BookingEvent.booking_id == booking.id)).all()
    for once in ("confirmed", "payment_succeeded", "cancelled", "accepted"):
        assert kinds.count(once) <= 1, f"{once} twice"
