"""The interface of a line of business: its identity, and its reactions to events of its bookings.

A line is one object, the manifest in `shared/lines/<line>/line.py`. The core calls lines through this interface only;
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

Begin = Callable[[], AbstractContextManager[tuple[Session, Actor]]]  # opens a transaction and authenticates its actor


@dataclass(frozen=True)
class PaidPayment:
    """A captured payment, with the fields that lines use; the amount is paise."""

    id: UUID
    purpose: str
    amount: int


@dataclass(frozen=True)
class RefundOfBooking:
    """A refund, with the fields that lines use; the amount is paise."""

    id: UUID
    amount: int


@dataclass(frozen=True)
class LineDetails:
    """The details of a booking that are specific to its line, as admins see them."""

    visit: View | None = None
    offers: Sequence[View] = ()


class Line(ABC):
    """One line of business. Reactions named `on_…` run inside the core's transaction, with the booking's row locked."""

    name: ClassVar[str]
    brand: ClassVar[Brand]
    ref_prefix: ClassVar[str]  # prefix of booking references and of gateway ids
    invoice_prefix: ClassVar[str]
    credit_note_prefix: ClassVar[str]
    provider_role: ClassVar[str | None] = None
    time_zone: ClassVar[str] = INDIA  # IANA name
    models: ClassVar[tuple[str, ...]] = ()  # modules that declare its tables
    invariants: ClassVar[tuple[str, ...]] = ()  # modules, each with one invariant of its rows
    task_handlers: ClassVar[Mapping[str, str]] = {}  # verb of the outbox kind `<line>.<verb>` → `module:function`

    @abstractmethod
    def on_paid(self, session: Session, booking: Booking, payment: PaidPayment, now: datetime) -> None:
        """React to a payment that was captured while the booking was active and unpaid."""

    @abstractmethod
    def on_unpaid(self, session: Session, booking: Booking, why: str, now: datetime) -> None:
        """Cancel an unpaid booking and release everything it reserved.

        `why` is `unpaid` (the deadline to pay has passed) or `blocked` (an admin blocked the customer).
        """

    @abstractmethod
    def pay_by(self, session: Session, booking: Booking, now: datetime) -> datetime:
        """Return the payment deadline of an unpaid booking that had none until now."""

    @abstractmethod
    def on_refund_decided(self, session: Session, booking: Booking, refund: RefundOfBooking, now: datetime) -> None:
        """React to a refund by an admin, before the booking takes place or after it has ended."""

    @abstractmethod
    def on_refund_owed(self, session: Session, booking: Booking, refund: RefundOfBooking, now: datetime) -> None:
        """React to the refund of a payment whose booking was cancelled or already paid."""

    @abstractmethod
    def on_refunded(self, session: Session, booking: Booking, refund: RefundOfBooking, now: datetime) -> None:
        """React to the completion of a refund."""

    @abstractmethod
    def letter(self, notice: Notice, reader: Reader) -> EmailTemplate:
        """Return the text of a notification."""

    def is_current(self, session: Session, notice: Notice) -> bool:  # noqa: ARG002
        """Return whether a notification is still true; an outdated one is not mailed."""
        return True

    @abstractmethod
    def change_status(self, begin: Begin, booking_id: UUID, status: Status, reason: str | None, now: datetime) -> None:
        """Move a booking to a status as an admin. Raises BookingNotFound, StatusChangeNotAllowed."""

    @abstractmethod
    def assign(self, begin: Begin, booking_id: UUID, provider_id: UUID | None, now: datetime, *, field: str) -> None:
        """Assign another provider to a booking as an admin, or the next free one (None).

        `field` is the body's field that names the provider. Raises BookingNotFound, StatusChangeNotAllowed, Invalid
        naming the field, and the line's own refusals.
        """

    def details(self, session: Session, booking: Booking) -> LineDetails:  # noqa: ARG002
        """Return the details of a booking that are specific to this line, for admins."""
        return LineDetails()

    def breakdown(self, booking: Booking) -> Mapping[str, int]:
        """Return the lines of a booking's price by name, in paise."""
        return {**booking.breakdown, "total": booking.total}

    def enforce_deadlines(self, db: Database, now: datetime) -> dict[str, int]:  # noqa: ARG002
        """Run the due rules on bookings of this line; returns how many bookings each rule found."""
        return {}

    def remind(self, db: Database, now: datetime) -> dict[str, int]:  # noqa: ARG002
        """Send the reminders that are due; returns how many bookings were due and how many were reminded."""
        return {}

    def purge(self, session: Session, now: datetime, limit: int) -> int:  # noqa: ARG002
        """Delete up to `limit` expired rows of this line; returns how many."""
        return 0


Lines = Callable[[str], Line]  # the manifest of a line by its name
