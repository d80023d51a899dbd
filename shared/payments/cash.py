"""A visit paid in cash: agreed before, recorded by an admin when somebody holds the money (PRODUCT, "Money", Cash)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from shared.audit import queries as audit
from shared.audit.by import By
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
from shared.payments.lifecycle import AttemptState
from shared.payments.matching import Capture
from shared.payments.models import CASH, Attempt
from shared.payments.queries import Owed
from shared.payments.schemas import CashAgreed, CashTaken
from shared.users.models import ADMIN


def change(
    session: Session, lines: Lines, booking_id: UUID, cash: CashAgreed | CashTaken, by: By, now: datetime
) -> None:
    """Agree that an unpaid booking is paid in cash (or no longer), or record that it was.

    Raises BookingNotFound, NotPayable for what is cancelled or paid, Invalid for another amount than is outstanding.
    """
    owed = queries.locked_if_known(session, booking_id)
    if owed is None:
        raise BookingNotFound
    if owed.booking.status not in ACTIVE:
        raise NotPayable(f"The booking is {owed.booking.status}.", status_now=owed.booking.status)
    if owed.booking.payment_status not in UNPAID:
        raise NotPayable("The booking is paid.", payment_status=owed.booking.payment_status)
    if isinstance(cash, CashAgreed):
        _agree(session, lines, owed, cash.agreed, by, now)
    else:
        _record(session, lines, owed, cash, by, now)


def _agree(session: Session, lines: Lines, owed: Owed, agreed: bool, by: By, now: datetime) -> None:
    """Take away the deadline to pay, or set one anew; what is so already changes nothing."""
    booking = owed.booking
    if agreed == booking.cash_agreed:
        return
    booking.cash_agreed = agreed
    booking.pay_by = None if agreed else lines(booking.line).pay_by(session, booking, now)
    note(session, booking, Actor(ADMIN, by.id), now, kind="cash_agreed" if agreed else "cash_not_agreed")
    before, after = {"cash_agreed": not agreed}, {"cash_agreed": agreed}
    audit.record(session, by, "booking.cash_agreed", booking.id, before, after, now)


def _record(session: Session, lines: Lines, owed: Owed, taken: CashTaken, by: By, now: datetime) -> None:
    """Take the whole amount as paid. An attempt that lives meanwhile may still succeed: a duplicate, sent back then."""
    booking, amount = owed.booking, owed.payment.amount
    if taken.amount != amount:
        raise Invalid("cash.amount", f"must be all that is outstanding: {rupees(amount)} rupees")
    attempt = _attempt(owed, taken, by, now)
    session.add(attempt)
    session.flush()
    ledger.post(session, postings.Kind.CASH_TAKEN, attempt.id, booking.id, postings.cash_taken(amount), at=now)
    before = {"payment_status": booking.payment_status}
    booking.payment_status, booking.pay_by = PaymentStatus.SUCCESS, None
    note(session, booking, Actor(ADMIN, by.id), now, kind="cash_recorded", amount=amount, held_by=taken.held_by)
    after = {"payment_status": PaymentStatus.SUCCESS, "amount": amount, "held_by": taken.held_by}
    audit.record(session, by, "booking.cash_recorded", booking.id, before, after, now)
    lines(booking.line).on_paid(session, booking, now)


def _attempt(owed: Owed, taken: CashTaken, by: By, now: datetime) -> Attempt:
    return Attempt(
        id=new_id(),
        payment_id=owed.payment.id,
        booking_id=owed.booking.id,
        gateway=CASH,
        merchant_txn_id=merchant_id(owed.booking.ref.split("-")[0]),
        amount=taken.amount,
        state=AttemptState.SUCCEEDED,
        capture=Capture.APPLIED,
        method=CASH,
        raw={"held_by": taken.held_by, "recorded_by": str(by.id)},
        started_at=now,
        settled_at=now,
        created_at=now,
    )
