from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from shared.bookings.models import Booking
from shared.kit.base import Base, Created
from shared.kit.ids import new_id
from shared.users.models import User


class TariffRow(Created, Base):
    """The rates of a price and the cancellation policy, valid from an instant; existing bookings are not affected."""

    __tablename__ = "home_chef_tariffs"

    valid_from: Mapped[datetime] = mapped_column(primary_key=True)
    rates: Mapped[dict[str, Any]]
    cancellation: Mapped[dict[str, Any]]


class Quote(Created, Base):
    """A price for a visit, valid for half an hour and one booking, which is charged exactly this price."""

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
