from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column

from shared.bookings.lifecycle import ACTIVE, Acceptance, PaymentStatus, Status
from shared.kit.base import Base, Changed, Created, EnumColumn, one_of
from shared.kit.ids import new_id
from shared.users.models import User

IS_ACTIVE = f"status in ({', '.join(sorted(repr(status.value) for status in ACTIVE))})"
SLOT_TAKEN = "ex_bookings_provider_busy"  # the exclusion constraint against overlapping visits of one provider


class Booking(Changed, Base):
    """The columns that every line's booking shares: customer, provider, time, price and status.

    `busy_period` is the reserved time of the provider, half-open, including travel time; `pay_by` is the instant after
    which an unpaid booking is cancelled (null: no deadline; null while `cash_agreed`). Amounts are paise. A line stores
    its own columns in a 1:1 table.
    """

    __tablename__ = "bookings"
    __table_args__ = (
        ExcludeConstraint(
            ("provider_id", "="), ("busy_period", "&&"), where=text(IS_ACTIVE), using="gist", name=SLOT_TAKEN
        ),
        CheckConstraint(one_of("status", Status), name="status"),
        CheckConstraint(one_of("payment_status", PaymentStatus), name="payment_status"),
        CheckConstraint(one_of("acceptance", Acceptance), name="acceptance"),
        CheckConstraint("total >= 0", name="total"),
        Index("ix_bookings_customer_id_created_at_id", "customer_id", "created_at", "id"),
        Index("ix_bookings_provider_id_created_at_id", "provider_id", "created_at", "id"),
        Index("ix_bookings_created_at_id", "created_at", "id"),
        Index("ix_bookings_status_created_at_id", "status", "created_at", "id"),
        Index("ix_bookings_city_created_at_id", text("lower(city)"), "created_at", "id"),
        Index("ix_bookings_start", text("lower(busy_period)")),
        Index("ix_bookings_ref_prefix", "ref", postgresql_ops={"ref": "text_pattern_ops"}),
        Index("ix_bookings_active_start", text("lower(busy_period)"), postgresql_where=text(IS_ACTIVE)),
        # Admins search for rare states: most bookings are paid and accepted.
        Index(
            "ix_bookings_payment_status_created_at_id",
            "payment_status",
            "created_at",
            "id",
            postgresql_where=text("payment_status <> 'success'"),
        ),
        Index(
            "ix_bookings_acceptance_created_at_id",
            "acceptance",
            "created_at",
            "id",
            postgresql_where=text("acceptance <> 'accepted'"),
        ),
        Index("ix_bookings_pay_by", "pay_by", postgresql_where=text(f"pay_by is not null and {IS_ACTIVE}")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    line: Mapped[str]
    ref: Mapped[str] = mapped_column(unique=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(User.id))
    provider_id: Mapped[UUID | None] = mapped_column(ForeignKey(User.id))
    busy_period: Mapped[Range[datetime] | None] = mapped_column(TSTZRANGE)
    status: Mapped[Status] = mapped_column(EnumColumn(Status))
    payment_status: Mapped[PaymentStatus] = mapped_column(EnumColumn(PaymentStatus))
    acceptance: Mapped[Acceptance] = mapped_column(EnumColumn(Acceptance))
    city: Mapped[str]
    total: Mapped[int] = mapped_column(BigInteger)
    breakdown: Mapped[dict[str, Any]]
    pay_by: Mapped[datetime | None]
    pay_by_extended: Mapped[bool] = mapped_column(server_default=text("false"))
    cash_agreed: Mapped[bool] = mapped_column(server_default=text("false"))
    cancellation_reason: Mapped[str | None]

    @property
    def starts_at(self) -> datetime | None:
        """The start of the provider's reserved time; None for a booking that reserves none."""
        return self.busy_period.lower if self.busy_period else None


class BookingEvent(Base):
    """One event of a booking's history: the actor, the change, the instant and the reason. `actor` is a role, or `system`."""

    __tablename__ = "booking_events"
    __table_args__ = (Index("ix_booking_events_booking_id_id", "booking_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=True)
    booking_id: Mapped[UUID] = mapped_column(ForeignKey("bookings.id"))
    at: Mapped[datetime]
    actor: Mapped[str]
    actor_id: Mapped[UUID | None]
    kind: Mapped[str]
    from_status: Mapped[Status | None] = mapped_column(EnumColumn(Status))
    to_status: Mapped[Status | None] = mapped_column(EnumColumn(Status))
    reason: Mapped[str | None]
    facts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class ManualReview(Created, Base):
    """A manual review: at most one open per kind and subject; an admin or the system closes it."""

    __tablename__ = "exceptions"
    __table_args__ = (
        Index("uq_exceptions_open", "kind", "subject_id", unique=True, postgresql_where=text("closed_at is null")),
        Index("ix_exceptions_booking_id", "booking_id"),
        Index("ix_exceptions_created_at_id", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[str]
    subject_id: Mapped[UUID]
    booking_id: Mapped[UUID | None] = mapped_column(ForeignKey("bookings.id"))
    facts: Mapped[dict[str, Any]]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[UUID | None] = mapped_column(ForeignKey(User.id))
    closing_note: Mapped[str | None]
