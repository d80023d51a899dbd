from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.kit.base import Base
from shared.kit.ids import new_id
from shared.users.models import User


class Account(Base):
    """A ledger account: assets and expenses grow by debits, liabilities and income by credits."""

    __tablename__ = "ledger_accounts"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    type: Mapped[str]


class LedgerTransaction(Base):
    """A journal entry, unique per `kind` and source; its postings sum to zero (checked by a deferred trigger)."""

    __tablename__ = "ledger_transactions"
    __table_args__ = (
        UniqueConstraint("kind", "source_id"),
        Index("ix_ledger_transactions_booking_id", "booking_id"),
        Index("ix_ledger_transactions_at", "at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[str]
    source_id: Mapped[UUID]
    booking_id: Mapped[UUID | None]  # null for an entry without a booking, such as a payout
    at: Mapped[datetime]


class LedgerPosting(Base):
    """One line of a transaction, in paise: a debit is positive, a credit negative. Never changed, never deleted."""

    __tablename__ = "ledger_postings"
    __table_args__ = (
        CheckConstraint("amount <> 0", name="amount"),
        # Covers the sums of a provider's statement, so that they read the index alone.
        Index(
            "ix_ledger_postings_provider_id",
            "provider_id",
            "account",
            postgresql_include=["transaction_id", "amount"],
            postgresql_where=text("provider_id is not null"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    transaction_id: Mapped[UUID] = mapped_column(ForeignKey("ledger_transactions.id"), index=True)
    account: Mapped[str] = mapped_column(ForeignKey("ledger_accounts.code"))
    amount: Mapped[int] = mapped_column(BigInteger)
    provider_id: Mapped[UUID | None] = mapped_column(ForeignKey(User.id))


class LedgerDay(Base):
    """The postings of a past day (of India), and each account's balance at its end; paise.

    `moved` has amounts by kind and account, `balances` by account. Never updated: nothing is posted to a past day.
    """

    __tablename__ = "ledger_days"

    day: Mapped[date] = mapped_column(primary_key=True)
    moved: Mapped[dict[str, Any]]
    balances: Mapped[dict[str, Any]]
