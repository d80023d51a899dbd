from datetime import date
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from shared.kit.base import Base


class BookingDay(Base):
    """The bookings made on a past day (of India) by status, stored once none made up to its end is active.

    `totals` counts all bookings made up to the day's end. Never updated: final statuses do not change.
    """

    __tablename__ = "booking_days"

    day: Mapped[date] = mapped_column(primary_key=True)
    made: Mapped[dict[str, Any]]
    totals: Mapped[dict[str, Any]]
