"""The interface of a line of business: its identity, and how it reacts to what happens to its bookings.

A line is one object, the manifest in `shared/lines/<line>/line.py`. The core knows lines by this interface alone;
`functions.wiring` resolves names to manifests.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy.orm import Session

from shared.bookings.history import Actor
from shared.bookings.lifecycle import Status
from shared.bookings.models import Booking
from shared.kit.brand import Brand
from shared.kit.clock import INDIA
from shared.kit.database import Database
from shared.kit.email_template import EmailTemplate
from shared.kit.schemas import View
from shared.notifications.notice import Notice, Reader

Begin = Callable[[], AbstractContextManager[tuple[Session, Actor]]]  # opens a transaction that knows its actor


@dataclass(frozen=True)
class PaidPayment:
    """A payment that was captured, as its line needs to know it; the amount is paise."""

    id: UUID
    purpose: str
    amount: int


@dataclass(frozen=True)
class RefundOfBooking:
    """A refund as its line needs to know it; the amount is paise."""

    id: UUID
    amount: int


@dataclass(frozen=True)
class BookingDetails:
    """The details that only its line knows of a booking, as an admin sees it."""

    visit: View | None = None
    offers: Sequence[View] = ()


class Line(ABC):
    """One line of business. Reactions named `on_…` run inside the core's transaction, with the booking's row locked."""

    name: ClassVar[str]
    brand: ClassVar[Brand]
    ref_prefix: ClassVar[str]  # of booking references and of ids at the gateway
    invoice_prefix: ClassVar[str]
    credit_note_prefix: ClassVar[str]
    provider_role: ClassVar[str | None] = None
    time_zone: ClassVar[str] = INDIA  # IANA name
    models: ClassVar[tuple[str, ...]] = ()  # modules that declare its tables
    invariants: ClassVar[tuple[str, ...]] = ()  # modules, each with one invariant of its rows
    task_handlers: ClassVar[Mapping[str, str]] = {}  # verb of an outbox message `<line>.<verb>` → `module:function`

    @abstractmethod
    def on_paid(self, session: Session, booking: Booking, payment: PaidPayment, now: datetime) -> None:
        """React to a payment that was captured while the booking was active."""

    @abstractmethod
    def on_unpaid(self, session: Session, booking: Booking, why: str, now: datetime) -> None:
        """Cancel an unpaid booking and release everything it reserved.

        `why` is `unpaid` (the deadline to pay has passed) or `blocked` (an admin blocked the customer).
        """

    @abstractmethod
    def pay_by(self, session: Session, booking: Booking, now: datetime) -> datetime:
        """Return the deadline to pay for an unpaid booking that had none until now."""

    @abstractmethod
    def on_refund_decided(self, session: Session, booking: Booking, refund: RefundOfBooking, now: datetime) -> None:
        """React to a refund by an admin, before the booking takes place or after it has ended."""

    @abstractmethod
    def on_refund_owed(self, session: Session, booking: Booking, refund: RefundOfBooking, now: datetime) -> None:
        """React to the return of a payment that the booking could not use: it was cancelled or already paid."""

    @abstractmethod
    def on_refunded(self, session: Session, booking: Booking, refund: RefundOfBooking, now: datetime) -> None:
        """React to a refund that has reached the customer."""

    @abstractmethod
    def letter(self, notice: Notice, reader: Reader) -> EmailTemplate:
        """Return the words of a notification."""

    def is_current(self, session: Session, notice: Notice) -> bool:  # noqa: ARG002
        """Return whether a notification is still true; one that is not is no longer mailed."""
        return True

    @abstractmethod
    def change_status(self, begin: Begin, booking_id: UUID, status: Status, reason: str | None, now: datetime) -> None:
        """Move a booking to a status as an admin. Raises BookingNotFound, StatusChangeNotAllowed."""

    @abstractmethod
    def assign(self, begin: Begin, booking_id: UUID, provider_id: UUID | None, now: datetime) -> None:
        """Give a booking another provider as an admin, or the next free one (None).

        Raises BookingNotFound, StatusChangeNotAllowed, and the line's own refusals.
        """

    def details(self, session: Session, booking: Booking) -> BookingDetails:  # noqa: ARG002
        """Return what an admin sees of a booking beside what every booking has."""
        return BookingDetails()

    def breakdown(self, booking: Booking) -> Mapping[str, int]:
        """Return the lines of a booking's price by name, in paise."""
        return {**booking.breakdown, "total": booking.total}

    def keep_deadlines(self, db: Database, now: datetime) -> dict[str, int]:  # noqa: ARG002
        """Run the due rules on bookings of this line; returns how many bookings each rule found."""
        return {}

    def remind(self, db: Database, now: datetime) -> dict[str, int]:  # noqa: ARG002
        """Send the reminders that are due; returns how many bookings were due and how many were reminded."""
        return {}

    def purge(self, session: Session, now: datetime, limit: int) -> int:  # noqa: ARG002
        """Delete up to `limit` rows of this line that need not be kept; returns how many."""
        return 0


Lines = Callable[[str], Line]  # the manifest of a line by its name
