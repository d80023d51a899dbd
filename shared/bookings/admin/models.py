from datetime import date
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from shared.kit.base import Base


class BookingDay(Base):
    """How many bookings were made on a day (of India) on which, and before which, none is active any more, by state.

    `totals` counts all that were made up to the day's end. Written once: what has ended stays so.
    """

    __tablename__ = "booking_days"

    day: Mapped[date] = mapped_column(primary_key=True)
    made: Mapped[dict[str, Any]]
    totals: Mapped[dict[str, Any]]
