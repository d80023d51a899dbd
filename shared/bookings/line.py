"""What the core asks of a line of business: the only way up (filled in where functions are wired)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.orm import Session

from shared.bookings.models import Booking
from shared.kit.database import Database
from shared.kit.letter import Letter


@dataclass(frozen=True)
class Returned:
    """A refund as a line needs to know it; the amount is paise."""

    id: UUID
    amount: int


class Line(Protocol):
    """How one line of business reacts to what happens to its bookings: `on_…` inside the core's transaction."""

    def on_paid(self, session: Session, booking: Booking, now: datetime) -> None:
        """The booking's payment was captured while the booking was active; its row is locked."""

    def on_unpaid(self, session: Session, booking: Booking, why: str, now: datetime) -> None:
        """Free what an unpaid booking held and cancel it; its row is locked.

        `why` is `unpaid` (the deadline to pay has passed) or `blocked` (its customer is).
        """

    def pay_by(self, session: Session, booking: Booking, now: datetime) -> datetime:
        """Return until when an unpaid booking is to be paid that had no deadline until now; its row is locked."""

    def on_refund_decided(self, session: Session, booking: Booking, refund: Returned, now: datetime) -> None:
        """An admin gives money back, whether the booking is still to come or has ended; its row is locked."""

    def on_refund_owed(self, session: Session, booking: Booking, refund: Returned, now: datetime) -> None:
        """A payment that could not be used (the booking was cancelled or paid already) is being sent back."""

    def on_refunded(self, session: Session, booking: Booking, refund: Returned, now: datetime) -> None:
        """A refund has reached its end: the money is back."""

    def keep_deadlines(self, db: Database, now: datetime) -> dict[str, int]:
        """Do what time asks for with bookings of this line; returns how many each rule met."""

    def letter(self, kind: str, facts: dict[str, Any], name: str | None) -> Letter:
        """Return the words of a notification of this line."""

    def is_current(self, session: Session, kind: str, subject_id: UUID, facts: dict[str, Any]) -> bool:
        """Tell whether a notification of this line still says the truth: one that does not is no longer mailed."""

    def remind(self, db: Database, now: datetime) -> dict[str, int]:
        """Tell whom it concerns of what begins soon, each once; returns how many there were and how many were told."""

    def tidy(self, session: Session, now: datetime, limit: int) -> int:
        """Delete up to so many rows of this line's own that need not be kept any longer; returns how many."""


Lines = Callable[[str], Line]
