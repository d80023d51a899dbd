"""Cash payment of a booking: an admin agrees it in advance and records it once the money was received (docs/product.md#cash)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from shared.audit import queries as audit
from shared.audit.context import AuditContext
from shared.bookings import transitions
from shared.bookings.history import Actor, note
from shared.bookings.lifecycle import ACTIVE, UNPAID, PaymentStatus
from shared.bookings.line import Lines
from shared.bookings.queries import BookingNotFound
from shared.kit.errors import Invalid
from shared.kit.ids import merchant_id, new_id
from shared.kit.money import rupees
from shared.ledger import postings
from shared.ledger import queries as ledger
from shared.payments import queries
from shared.payments.checkout import NotPayable
from shared.payments.lifecycle import AttemptState, Capture
from shared.payments.models import CASH, Attempt
from shared.payments.queries import LockedPayment, paid_payment
from shared.payments.schemas import CashAgreed, CashTaken
from shared.users.models import ADMIN


def change(
    session: Session, lines: Lines, booking_id: UUID, cash: CashAgreed | CashTaken, by: AuditContext, now: datetime
) -> None:
    """Agree cash for an unpaid booking, withdraw the agreement, or record the cash payment.

    Raises BookingNotFound, NotPayable if cancelled or paid, Invalid for another amount than is outstanding.
    """
    locked_payment = queries.locked_if_known(session, booking_id)
    if locked_payment is None:
        raise BookingNotFound
    if locked_payment.booking.status not in ACTIVE:
        raise NotPayable(f"The booking is {locked_payment.booking.status}.", status_now=locked_payment.booking.status)
    if locked_payment.booking.payment_status not in UNPAID:
        raise NotPayable("The booking is paid.", payment_status=locked_payment.booking.payment_status)
    if isinstance(cash, CashAgreed):
        _agree(session, lines, locked_payment, cash.agreed, by, now)
    else:
        _record(session, lines, locked_payment, cash, by, now)


def _agree(
    session: Session, lines: Lines, locked_payment: LockedPayment, agreed: bool, by: AuditContext, now: datetime
) -> None:
    """Remove the deadline to pay, or set a new one; no change if agreed or withdrawn already."""
    booking = locked_payment.booking
    if agreed == booking.cash_agreed:
        return
    booking.cash_agreed = agreed
    booking.pay_by = None if agreed else lines(booking.line).pay_by(session, booking, now)
    note(session, booking, Actor(ADMIN, by.id), now, kind="cash_agreed" if agreed else "cash_not_agreed")
    before, after = {"cash_agreed": not agreed}, {"cash_agreed": agreed}
    audit.record(session, by, "booking.cash_agreed", booking.id, before, after, now)


def _record(
    session: Session, lines: Lines, locked_payment: LockedPayment, taken: CashTaken, by: AuditContext, now: datetime
) -> None:
    """Record the whole amount as paid. A live attempt that succeeds later is a duplicate and is refunded."""
    booking, amount = locked_payment.booking, locked_payment.payment.amount
    if taken.amount != amount:
        raise Invalid("cash.amount", f"must be the whole outstanding amount: {rupees(amount)} rupees")
    attempt = _attempt(locked_payment, taken, by, now)
    session.add(attempt)
    session.flush()
    ledger.post(session, postings.Kind.CASH_TAKEN, attempt.id, booking.id, postings.cash_taken(amount), at=now)
    before = {"payment_status": booking.payment_status}
    transitions.set_payment_status(booking, PaymentStatus.SUCCESS)
    locked_payment.payment.paid_at, booking.pay_by = now, None
    note(session, booking, Actor(ADMIN, by.id), now, kind="cash_recorded", amount=amount, held_by=taken.held_by)
    after = {"payment_status": PaymentStatus.SUCCESS, "amount": amount, "held_by": taken.held_by}
    audit.record(session, by, "booking.cash_recorded", booking.id, before, after, now)
    lines(booking.line).on_paid(session, booking, paid_payment(locked_payment.payment), now)


def _attempt(locked_payment: LockedPayment, taken: CashTaken, by: AuditContext, now: datetime) -> Attempt:
    return Attempt(
        id=new_id(),
        payment_id=locked_payment.payment.id,
        booking_id=locked_payment.booking.id,
        gateway=CASH,
        merchant_txn_id=merchant_id(locked_payment.booking.ref.partition("-")[0]),
        amount=taken.amount,
        state=AttemptState.SUCCEEDED,
        capture=Capture.APPLIED,
        method=CASH,
        raw={"held_by": taken.held_by, "recorded_by": str(by.id)},
        started_at=now,
        settled_at=now,
        created_at=now,
    )
