from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.appointments.lifecycle import OfferState
from shared.bookings.models import Booking
from shared.kit.base import Base, Created, EnumColumn, one_of
from shared.kit.ids import new_id
from shared.places.models import Address


class Appointment(Base):
    """The row beside a booking whose provider comes at a time: place, times, policy, and the line's details.

    `earning` is the provider's part in paise. `cancellation` is the policy at the time of booking. `details` is data of
    the line, checked by the line's own constraints. `refund_cap_bp` is the most a cancellation refunds (basis points of
    the total): the share refundable at the last reschedule; null: never rescheduled.
    """

    __tablename__ = "appointments"
    __table_args__ = (CheckConstraint("starts_at < ends_at", name="times"),)

    booking_id: Mapped[UUID] = mapped_column(ForeignKey(Booking.id), primary_key=True)
    line: Mapped[str]
    address_id: Mapped[UUID | None] = mapped_column(ForeignKey(Address.id, ondelete="SET NULL"), index=True)
    address: Mapped[dict[str, Any]]
    booking_date: Mapped[date]
    time_slot: Mapped[time]
    time_zone: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    earning: Mapped[int] = mapped_column(BigInteger)
    cancellation: Mapped[dict[str, Any]]
    details: Mapped[dict[str, Any]]
    provider_changed_at: Mapped[datetime | None]
    rescheduled: Mapped[int] = mapped_column(server_default=text("0"))
    refund_cap_bp: Mapped[int | None]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]


class Offer(Base):
    """An appointment offered to one provider; an admin's later offer to the same provider replaces it.

    `expires_at` is its deadline, null until it starts to run.
    """

    __tablename__ = "offers"
    __table_args__ = (
        UniqueConstraint("booking_id", "provider_id"),
        CheckConstraint(one_of("state", OfferState), name="state"),
        Index("uq_offers_open", "booking_id", unique=True, postgresql_where=text("state in ('open', 'accepted')")),
        Index("ix_offers_expires_at", "expires_at", postgresql_where=text("state = 'open' and expires_at is not null")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    booking_id: Mapped[UUID] = mapped_column(ForeignKey(Booking.id))
    provider_id: Mapped[UUID] = mapped_column(ForeignKey("providers.user_id"))
    state: Mapped[OfferState] = mapped_column(EnumColumn(OfferState))
    offered_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    reason: Mapped[str | None]


class Rating(Created, Base):
    """A customer's rating of a completed appointment, once: 1 to 5 stars and a comment."""

    __tablename__ = "ratings"
    __table_args__ = (
        CheckConstraint("stars between 1 and 5", name="stars"),
        Index("ix_ratings_provider_id_created_at_booking_id", "provider_id", "created_at", "booking_id"),
    )

    booking_id: Mapped[UUID] = mapped_column(ForeignKey(Booking.id), primary_key=True)
    provider_id: Mapped[UUID] = mapped_column(ForeignKey("providers.user_id"))
    stars: Mapped[int]
    comment: Mapped[str | None]
