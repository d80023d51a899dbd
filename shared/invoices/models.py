from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.kit.base import Base
from shared.kit.ids import new_id


class InvoiceSeries(Base):
    """The last number issued in a series of a financial year; its row is locked while the next one is issued."""

    __tablename__ = "invoice_series"

    series: Mapped[str] = mapped_column(primary_key=True)
    last: Mapped[int]


class Invoice(Base):
    """A tax invoice of a completed booking, or a credit note for a refund afterwards; never changed, never deleted.

    `number` is the series and the serial, 16 characters at most; `document` is the contents, amounts in paise.
    """

    __tablename__ = "invoices"
    __table_args__ = (
        CheckConstraint("kind in ('invoice', 'credit_note')", name="kind"),
        CheckConstraint("char_length(number) <= 16", name="number"),
        CheckConstraint("(kind = 'credit_note') = (refund_id is not null)", name="refund_known"),
        UniqueConstraint("series", "serial"),
        Index("uq_invoices_booking", "booking_id", unique=True, postgresql_where=text("kind = 'invoice'")),
        Index("ix_invoices_booking_id", "booking_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[str]
    series: Mapped[str]
    serial: Mapped[int]
    number: Mapped[str] = mapped_column(unique=True)
    # No foreign keys: this package may not import bookings (beside it) or payments (above it).
    booking_id: Mapped[UUID]
    refund_id: Mapped[UUID | None] = mapped_column(unique=True)
    issued_at: Mapped[datetime]
    document: Mapped[dict[str, Any]]
