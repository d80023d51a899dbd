from datetime import date, datetime
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

from shared.kit.base import Base, Changed, Created
from shared.kit.ids import new_id
from shared.users.models import User

SLOT_OVERLAP = "ex_provider_availability_overlap"


class Provider(Changed, Base):
    """A provider of one line: public profile, city, rate, rating and verification.

    `rate` is paise an hour, by which a line may rank (null: the line prices otherwise). City and rate share one index,
    since the search for the next provider reads both. `rating` is the mean of `rating_count` ratings that sum to
    `rating_sum`. `calendar_version` increases with each change of the provider's working times, so that a booking
    decided on an older calendar is retried.
    """

    __tablename__ = "providers"
    __table_args__ = (
        CheckConstraint("rate > 0", name="rate"),
        CheckConstraint("rating between 1 and 5", name="rating"),
        CheckConstraint("(verified_at is null) or is_verified", name="verified"),
        Index("ix_providers_city", "line", text("lower(service_city)"), "rate"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id), primary_key=True)
    line: Mapped[str]
    bio: Mapped[str | None]
    specialties: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    experience_years: Mapped[int] = mapped_column(server_default=text("0"))
    rating: Mapped[float | None] = mapped_column(Numeric(3, 2, asdecimal=False))
    rating_sum: Mapped[int] = mapped_column(server_default=text("0"))
    rating_count: Mapped[int] = mapped_column(server_default=text("0"))
    total_bookings: Mapped[int] = mapped_column(server_default=text("0"))
    rate: Mapped[int | None] = mapped_column(BigInteger)
    is_available: Mapped[bool] = mapped_column(server_default=text("true"))
    is_verified: Mapped[bool] = mapped_column(server_default=text("false"))
    verified_at: Mapped[datetime | None]
    verified_by: Mapped[UUID | None] = mapped_column(ForeignKey(User.id))
    verification_reference: Mapped[str | None]
    service_city: Mapped[str | None]
    calendar_version: Mapped[int] = mapped_column(server_default=text("0"))


class WeeklySlot(Created, Base):
    """A part of each week in which a provider works: minutes of the local day, [starts, ends), up to 24:00 = 1440."""

    __tablename__ = "provider_availability"
    __table_args__ = (
        CheckConstraint("weekday between 0 and 6", name="weekday"),
        CheckConstraint("0 <= starts and starts < ends and ends <= 1440", name="day"),
        ExcludeConstraint(
            ("provider_id", "="),
            ("weekday", "="),
            (text("int4range(starts, ends)"), "&&"),
            using="gist",
            name=SLOT_OVERLAP,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    provider_id: Mapped[UUID] = mapped_column(ForeignKey("providers.user_id"))
    weekday: Mapped[int]  # Monday is 0
    starts: Mapped[int]
    ends: Mapped[int]


class DayOff(Created, Base):
    """A local day on which a provider does not work, despite the week."""

    __tablename__ = "provider_days_off"
    __table_args__ = (UniqueConstraint("provider_id", "day"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    provider_id: Mapped[UUID] = mapped_column(ForeignKey("providers.user_id"))
    day: Mapped[date] = mapped_column(Date)
    reason: Mapped[str | None]
