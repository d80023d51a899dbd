"""What the core asks of a line of business: the only way up (filled in where functions are wired)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.orm import Session

from shared.bookings.models import Booking
from shared.kit.letter import Letter


@dataclass(frozen=True)
class Returned:
    """A refund as a line needs to know it; the amount is paise."""

    id: UUID
    amount: int


class Line(Protocol):
    """How one line of business reacts to what happens to its bookings; each call is inside the core's transaction."""

    def on_paid(self, session: Session, booking: Booking, now: datetime) -> None:
        """The booking's payment was captured while the booking was active; its row is locked."""

    def on_unpaid(self, session: Session, booking: Booking, now: datetime) -> None:
        """The deadline to pay has passed: free what the booking held and cancel it; its row is locked."""

    def pay_by(self, session: Session, booking: Booking, now: datetime) -> datetime:
        """Return until when an unpaid booking is to be paid that had no deadline until now; its row is locked."""

    def on_refund_decided(self, session: Session, booking: Booking, refund: Returned, now: datetime) -> None:
        """An admin gives money back, whether the booking is still to come or has ended; its row is locked."""

    def on_refund_owed(self, session: Session, booking: Booking, refund: Returned, now: datetime) -> None:
        """A payment that could not be used (the booking was cancelled or paid already) is being sent back."""

    def on_refunded(self, session: Session, booking: Booking, refund: Returned, now: datetime) -> None:
        """A refund has reached its end: the money is back."""

    def letter(self, kind: str, facts: dict[str, Any], name: str | None) -> Letter:
        """Return the words of a notification of this line."""


Lines = Callable[[str], Line]
