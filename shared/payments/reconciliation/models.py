from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.bookings.models import Booking
from shared.kit.base import Base, EnumColumn, one_of
from shared.kit.ids import new_id
from shared.payments.models import Attempt, Refund
from shared.payments.reconciliation.comparison import About, Outcome
from shared.users.models import User

DIFFERS = "reconciliation_differs"  # the manual review of a row of the report


class ReconciliationDay(Base):
    """A day (in India) whose payments, refunds and notifications are compared with the gateway's answers.

    `completed_at` is when each of them had a row.
    """

    __tablename__ = "reconciliation_days"

    day: Mapped[date] = mapped_column(primary_key=True)
    completed_at: Mapped[datetime | None]


class ReconciliationRow(Base):
    """One payment, refund or unknown id: our side and the gateway's as they were compared last; amounts are paise.

    Closed by an admin, or automatically (`closed_by` is null) by a final match.
    """

    __tablename__ = "reconciliation_rows"
    __table_args__ = (
        CheckConstraint(one_of("kind", About), name="kind"),
        CheckConstraint(one_of("outcome", Outcome), name="outcome"),
        UniqueConstraint("gateway", "kind", "our_id"),
        Index("ix_reconciliation_rows_created_at_id", "created_at", "id"),
        Index("ix_reconciliation_rows_outcome_created_at_id", "outcome", "created_at", "id"),
        Index("ix_reconciliation_rows_day_outcome", "day", "outcome"),
        Index("ix_reconciliation_rows_open", "created_at", "id", postgresql_where=text("closed_at is null")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    day: Mapped[date] = mapped_column(ForeignKey("reconciliation_days.day"))
    gateway: Mapped[str]
    kind: Mapped[About] = mapped_column(EnumColumn(About))
    our_id: Mapped[str]
    attempt_id: Mapped[UUID | None] = mapped_column(ForeignKey(Attempt.id))
    refund_id: Mapped[UUID | None] = mapped_column(ForeignKey(Refund.id))
    booking_id: Mapped[UUID | None] = mapped_column(ForeignKey(Booking.id))
    outcome: Mapped[Outcome] = mapped_column(EnumColumn(Outcome))
    ours: Mapped[dict[str, Any] | None]
    theirs: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    compared_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[UUID | None] = mapped_column(ForeignKey(User.id))
    note: Mapped[str | None]
