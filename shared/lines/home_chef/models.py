from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Numeric,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.bookings.models import Booking
from shared.kit.base import Base, Changed, Created, one_of
from shared.kit.ids import new_id
from shared.lines.home_chef.lifecycle import OfferState
from shared.places.models import Address
from shared.users.models import User

SLOT_OVERLAP = "ex_chef_availability_overlap"


class ChefProfile(Changed, Base):
    """What customers see of a chef and what a visit costs; the rate is paise an hour, whole rupees, 100 to 5,000.

    `rating` is the mean of `rating_count` ratings that sum to `rating_sum`. `calendar_version` moves on with whatever
    decides when and whether a chef works, so that a booking decided on an older calendar is decided anew.
    """

    __tablename__ = "chef_profiles"
    __table_args__ = (
        CheckConstraint("hourly_rate between 10000 and 500000 and hourly_rate % 100 = 0", name="hourly_rate"),
        CheckConstraint("rating between 1 and 5", name="rating"),
        CheckConstraint("(verified_at is null) or is_verified", name="verified"),
        Index("ix_chef_profiles_city", text("lower(service_city)"), "hourly_rate"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id), primary_key=True)
    bio: Mapped[str | None]
    specialties: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    experience_years: Mapped[int] = mapped_column(server_default=text("0"))
    rating: Mapped[float | None] = mapped_column(Numeric(3, 2, asdecimal=False))
    rating_sum: Mapped[int] = mapped_column(server_default=text("0"))
    rating_count: Mapped[int] = mapped_column(server_default=text("0"))
    total_bookings: Mapped[int] = mapped_column(server_default=text("0"))
    hourly_rate: Mapped[int] = mapped_column(BigInteger, server_default=text("39900"))
    is_available: Mapped[bool] = mapped_column(server_default=text("true"))
    is_verified: Mapped[bool] = mapped_column(server_default=text("false"))
    verified_at: Mapped[datetime | None]
    verified_by: Mapped[UUID | None] = mapped_column(ForeignKey(User.id))
    verification_reference: Mapped[str | None]
    service_city: Mapped[str | None]
    calendar_version: Mapped[int] = mapped_column(server_default=text("0"))


class WeeklySlot(Created, Base):
    """A part of each week in which a chef works: minutes of the local day, [start, end), the end up to 24:00 = 1440."""

    __tablename__ = "chef_availability"
    __table_args__ = (
        CheckConstraint("weekday between 0 and 6", name="weekday"),
        CheckConstraint("0 <= starts and starts < ends and ends <= 1440", name="day"),
        ExcludeConstraint(
            ("chef_id", "="), ("weekday", "="), (text("int4range(starts, ends)"), "&&"), using="gist", name=SLOT_OVERLAP
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    chef_id: Mapped[UUID] = mapped_column(ForeignKey("chef_profiles.user_id"))
    weekday: Mapped[int]  # Monday is 0
    starts: Mapped[int]
    ends: Mapped[int]


class DayOff(Created, Base):
    """A local day on which a chef does not work, whatever the week says."""

    __tablename__ = "chef_days_off"
    __table_args__ = (UniqueConstraint("chef_id", "day"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    chef_id: Mapped[UUID] = mapped_column(ForeignKey("chef_profiles.user_id"))
    day: Mapped[date] = mapped_column(Date)
    reason: Mapped[str | None]


class TariffRow(Created, Base):
    """The numbers of a price and the rules of a cancellation from a day on; a booking keeps the ones it was made under."""

    __tablename__ = "home_chef_tariffs"

    valid_from: Mapped[datetime] = mapped_column(primary_key=True)
    rates: Mapped[dict[str, Any]]
    cancellation: Mapped[dict[str, Any]]


class Quote(Created, Base):
    """A price given for a visit, kept for half an hour and used once: what was quoted is what is charged."""

    __tablename__ = "home_chef_quotes"
    __table_args__ = (
        Index("ix_home_chef_quotes_customer_id_created_at", "customer_id", "created_at"),
        Index("ix_home_chef_quotes_expires_at", "expires_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(User.id))
    request: Mapped[dict[str, Any]]
    rate: Mapped[int] = mapped_column(BigInteger)
    breakdown: Mapped[dict[str, Any]]
    total: Mapped[int] = mapped_column(BigInteger)
    tariff: Mapped[datetime] = mapped_column(ForeignKey("home_chef_tariffs.valid_from"))
    expires_at: Mapped[datetime]
    booking_id: Mapped[UUID | None] = mapped_column(ForeignKey(Booking.id), unique=True)


class Visit(Base):
    """What only a chef's visit knows of its booking: the meal, the place as it was, the times and the terms.

    `refund_cap_bp` is the most a cancellation gives back (basis points of the total): what the time before the start
    gave when the visit was last moved; null for one that never was.
    """

    __tablename__ = "home_chef_visits"
    __table_args__ = (
        CheckConstraint("duration_hours between 1 and 8", name="duration_hours"),
        CheckConstraint("guest_count between 1 and 20", name="guest_count"),
        CheckConstraint("starts_at < ends_at", name="times"),
    )

    booking_id: Mapped[UUID] = mapped_column(ForeignKey(Booking.id), primary_key=True)
    address_id: Mapped[UUID | None] = mapped_column(ForeignKey(Address.id, ondelete="SET NULL"), index=True)
    address: Mapped[dict[str, Any]]
    booking_date: Mapped[date]
    time_slot: Mapped[time]
    time_zone: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    duration_hours: Mapped[int]
    guest_count: Mapped[int]
    special_requests: Mapped[str | None]
    rate: Mapped[int] = mapped_column(BigInteger)
    earning: Mapped[int] = mapped_column(BigInteger)  # paise the chef earns: the stored subtotal less the commission
    cancellation: Mapped[dict[str, Any]]
    chef_changed_at: Mapped[datetime | None]
    rescheduled: Mapped[int] = mapped_column(server_default=text("0"))
    refund_cap_bp: Mapped[int | None]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]


class Offer(Base):
    """A visit offered to one chef; nobody is asked twice. The clock (`expires_at`) starts when the visit is paid."""

    __tablename__ = "offers"
    __table_args__ = (
        UniqueConstraint("booking_id", "chef_id"),
        CheckConstraint(one_of("state", OfferState), name="state"),
        Index("uq_offers_open", "booking_id", unique=True, postgresql_where=text("state in ('open', 'accepted')")),
        Index("ix_offers_expires_at", "expires_at", postgresql_where=text("state = 'open' and expires_at is not null")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    booking_id: Mapped[UUID] = mapped_column(ForeignKey(Booking.id))
    chef_id: Mapped[UUID] = mapped_column(ForeignKey("chef_profiles.user_id"))
    state: Mapped[str]
    offered_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    reason: Mapped[str | None]


class Rating(Created, Base):
    """What a customer says of a completed visit, once: 1 to 5 stars and a few words."""

    __tablename__ = "home_chef_ratings"
    __table_args__ = (
        CheckConstraint("stars between 1 and 5", name="stars"),
        Index("ix_home_chef_ratings_chef_id_created_at_booking_id", "chef_id", "created_at", "booking_id"),
    )

    booking_id: Mapped[UUID] = mapped_column(ForeignKey(Booking.id), primary_key=True)
    chef_id: Mapped[UUID] = mapped_column(ForeignKey("chef_profiles.user_id"))
    stars: Mapped[int]
    comment: Mapped[str | None]
