from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.bookings.models import Booking
from shared.kit.base import Base, Changed, EnumColumn, one_of
from shared.kit.ids import new_id
from shared.ledger.postings import Bearer
from shared.payments.lifecycle import LIVE, AttemptState, Capture, RefundState

CASH = "cash"  # the gateway of an attempt that was paid in cash
CASH_REFUND = "cash_refund"  # the manual review of a refund in cash
WHOLE = "whole"  # the purpose of the only payment of a booking


IS_LIVE = f"state in ({', '.join(sorted(repr(state.value) for state in LIVE))})"
ONE_LIVE_ATTEMPT = "uq_payment_attempts_live"
IS_OPEN = "paid_at is null and withdrawn_at is null"


class Payment(Changed, Base):
    """An amount that the customer owes for a booking, one payment at a time; amounts are paise.

    Each try to pay it is an attempt. `withdrawn_at`: it is no longer due; `online`: it is paid at the gateway.
    """

    __tablename__ = "payments"
    __table_args__ = (
        UniqueConstraint("booking_id", "purpose"),
        CheckConstraint("paid_at is null or withdrawn_at is null", name="paid_or_withdrawn"),
        Index("uq_payments_open", "booking_id", unique=True, postgresql_where=text(IS_OPEN)),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    booking_id: Mapped[UUID] = mapped_column(ForeignKey(Booking.id))
    purpose: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(server_default="INR")
    online: Mapped[bool] = mapped_column(server_default=text("true"))
    paid_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]


class Attempt(Changed, Base):
    """One try to collect a payment through one gateway, stored before the gateway is called.

    `merchant_txn_id` is our id at the gateway and the idempotency key. `capture` classifies a success:
    `applied` to the booking, `late` (the booking was cancelled) or a `duplicate` (it was paid already).
    """

    __tablename__ = "payment_attempts"
    __table_args__ = (
        CheckConstraint(one_of("state", AttemptState), name="state"),
        CheckConstraint(one_of("capture", Capture), name="capture"),
        CheckConstraint("(state = 'succeeded') = (capture is not null)", name="capture_known"),
        Index(ONE_LIVE_ATTEMPT, "payment_id", unique=True, postgresql_where=text(IS_LIVE)),
        Index("uq_payment_attempts_applied", "payment_id", unique=True, postgresql_where=text("capture = 'applied'")),
        Index("ix_payment_attempts_created_at_id", "created_at", "id"),
        Index(
            "ix_payment_attempts_state_created_at_id",
            "state",
            "created_at",
            "id",
            postgresql_where=text("state <> 'succeeded'"),
        ),
        Index("ix_payment_attempts_cash", "created_at", "id", postgresql_where=text(f"gateway = '{CASH}'")),
        Index("ix_payment_attempts_next_poll_at", "next_poll_at", postgresql_where=text("next_poll_at is not null")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments.id"), index=True)
    booking_id: Mapped[UUID] = mapped_column(ForeignKey(Booking.id), index=True)
    gateway: Mapped[str]
    merchant_txn_id: Mapped[str] = mapped_column(unique=True)
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(server_default="INR")
    state: Mapped[AttemptState] = mapped_column(EnumColumn(AttemptState))
    capture: Mapped[Capture | None] = mapped_column(EnumColumn(Capture))
    started_at: Mapped[datetime]
    payment_url: Mapped[str | None]
    gateway_txn_id: Mapped[str | None]
    bank_reference: Mapped[str | None]
    method: Mapped[str | None]
    code: Mapped[str | None]
    asked_at: Mapped[datetime | None]
    next_poll_at: Mapped[datetime | None]
    polls: Mapped[int] = mapped_column(server_default=text("0"))
    settled_at: Mapped[datetime | None]
    raw: Mapped[dict[str, Any] | None]


class Refund(Changed, Base):
    """A refund of an attempt with its own states, never shown as refunded before it is done."""

    __tablename__ = "refunds"
    __table_args__ = (
        CheckConstraint(one_of("state", RefundState), name="state"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint(one_of("borne_by", Bearer), name="borne_by"),
        Index("ix_refunds_created_at_id", "created_at", "id"),
        Index("ix_refunds_next_poll_at", "next_poll_at", postgresql_where=text("next_poll_at is not null")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("payment_attempts.id"), index=True)
    booking_id: Mapped[UUID] = mapped_column(ForeignKey(Booking.id), index=True)
    merchant_refund_id: Mapped[str] = mapped_column(unique=True)
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(server_default="INR")
    state: Mapped[RefundState] = mapped_column(EnumColumn(RefundState))
    reason: Mapped[str]
    borne_by: Mapped[Bearer] = mapped_column(EnumColumn(Bearer), server_default="platform")
    gateway_refund_id: Mapped[str | None]
    bank_reference: Mapped[str | None]
    code: Mapped[str | None]
    sent_at: Mapped[datetime | None]
    asked_at: Mapped[datetime | None]
    next_poll_at: Mapped[datetime | None]
    polls: Mapped[int] = mapped_column(server_default=text("0"))
    done_at: Mapped[datetime | None]
    raw: Mapped[dict[str, Any] | None]


class ReconciliationRun(Base):
    """One round of polling the gateway about payments and refunds that have not ended: how many, and their outcomes."""

    __tablename__ = "reconciliation_runs"
    __table_args__ = (Index("ix_reconciliation_runs_started_at_id", "started_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    started_at: Mapped[datetime]
    asked: Mapped[int]
    silent: Mapped[int]
    failed: Mapped[int]
    given_up: Mapped[int]
