"""The base of a line without appointments: a booking is confirmed once paid, and cancelled if not paid in time.

Such a line derives from it and overrides what differs. It also serves lines that are switched off.
"""

from abc import abstractmethod
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from shared.bookings import queries as bookings
from shared.bookings import transitions
from shared.bookings.history import SYSTEM, Actor
from shared.bookings.lifecycle import PAID, Acceptance, PaymentStatus, Status
from shared.bookings.line import Begin, Line, PaidPayment, RefundOfBooking
from shared.bookings.models import Booking, BookingEvent
from shared.bookings.transitions import StatusChangeNotAllowed
from shared.invoices.documents import Supply
from shared.kit.brand import Brand
from shared.kit.email_template import EmailTemplate
from shared.kit.ids import booking_ref, new_id
from shared.kit.money import BASIS_POINTS
from shared.ledger.postings import Parts
from shared.notifications.notice import Notice, Reader
from shared.notifications.queries import notify
from shared.payments import earning, invoicing, letters, queries, sharing
from shared.payments.cancellation_policy import refundable
from shared.payments.letters import BookingFacts
from shared.payments.models import WHOLE, Payment

TIME_TO_PAY = timedelta(hours=24)  # for an unpaid booking after its cash agreement is withdrawn


class NeutralLine(Line):
    """A line whose bookings have no provider and no time."""

    @abstractmethod
    def parts(self, booking: Booking) -> Parts:
        """Return each side's part of a booking's total, in paise."""

    @abstractmethod
    def supply(self, session: Session, booking: Booking) -> Supply:
        """Return the supply of a booking, for its invoice."""

    def book(
        self,
        session: Session,
        customer: Actor,
        city: str,
        total: int,
        breakdown: Mapping[str, int],
        time_to_pay: timedelta,
        now: datetime,
    ) -> Booking:
        """Store a booking with its payment and its first event; amounts are paise. The line stores its own rows.

        Locks: the caller has locked the customer, so that one customer's requests run in sequence.
        """
        assert customer.id, "the actor is a customer"  # noqa: S101
        booking = Booking(
            id=new_id(),
            line=self.name,
            ref=booking_ref(self.ref_prefix),
            customer_id=customer.id,
            status=Status.PENDING,
            payment_status=PaymentStatus.PENDING,
            acceptance=Acceptance.UNASSIGNED,
            city=city,
            total=total,
            breakdown=dict(breakdown),
            pay_by=now + time_to_pay,
            created_at=now,
        )
        session.add(booking)
        session.flush()
        session.add(Payment(booking_id=booking.id, purpose=WHOLE, amount=total, created_at=now))
        who = {"actor": customer.role, "actor_id": customer.id}
        session.add(BookingEvent(booking_id=booking.id, at=now, kind="booked", to_status=Status.PENDING, **who))
        session.flush()
        return booking

    def on_paid(self, session: Session, booking: Booking, payment: PaidPayment, now: datetime) -> None:  # noqa: ARG002
        if booking.status == Status.PENDING:
            transitions.move(session, booking, Status.CONFIRMED, SYSTEM, now, kind="confirmed", reason="paid")
        self.notify(session, booking, "confirmed", now)

    def on_unpaid(self, session: Session, booking: Booking, why: str, now: datetime) -> None:
        self._end(session, booking, SYSTEM, why, now, paid=False)
        self.notify(session, booking, "cancelled_unpaid" if why == "unpaid" else "cancelled", now)

    def pay_by(self, session: Session, booking: Booking, now: datetime) -> datetime:  # noqa: ARG002
        return now + TIME_TO_PAY

    def on_refund_decided(self, session: Session, booking: Booking, refund: RefundOfBooking, now: datetime) -> None:
        self._notify_refund(session, booking, "refund_decided", refund, now)
        invoicing.credit(session, self, booking.id, refund.id, refund.amount, now)

    def on_refund_owed(self, session: Session, booking: Booking, refund: RefundOfBooking, now: datetime) -> None:
        self._notify_refund(session, booking, "refund_on_its_way", refund, now)

    def on_refunded(self, session: Session, booking: Booking, refund: RefundOfBooking, now: datetime) -> None:
        self._notify_refund(session, booking, "refunded", refund, now)

    def letter(self, notice: Notice, reader: Reader) -> EmailTemplate:
        write = letters.LETTERS.get(notice.kind, letters.about_booking)
        return write(BookingFacts.from_row(notice.facts), reader)

    def change_status(self, begin: Begin, booking_id: UUID, status: Status, reason: str | None, now: datetime) -> None:
        """Cancel, complete or move a locked booking. Raises StatusChangeNotAllowed, BookingNotFound."""
        with begin() as (session, actor):
            booking = bookings.locked_if_known(session, booking_id)
            if booking.status == status:
                return
            transitions.refuse_move(booking, status)
            if status == Status.CANCELLED:
                self.cancel(session, booking, actor, reason or "operator", BASIS_POINTS, now)
            elif status == Status.COMPLETED:
                self.complete(session, booking, actor, now)
            elif status == Status.IN_PROGRESS and booking.payment_status not in PAID:
                raise StatusChangeNotAllowed(booking, status, "A booking can start only once it is paid.")
            else:
                transitions.move(session, booking, status, actor, now, kind=status.value, reason=reason)

    def assign(self, begin: Begin, booking_id: UUID, provider_id: UUID | None, now: datetime, *, field: str) -> None:  # noqa: ARG002
        """Refuse with StatusChangeNotAllowed: a booking without an appointment has no provider."""
        with begin() as (session, _):
            booking = bookings.locked_if_known(session, booking_id)
            raise StatusChangeNotAllowed(booking, Status.CONFIRMED, "A booking of this line has no provider.")

    def cancel(
        self, session: Session, booking: Booking, actor: Actor, reason: str, refund_bp: int, now: datetime
    ) -> int:
        """Cancel a locked booking and refund a share of its total (`refund_bp`, basis points); returns the refund in paise.

        Raises StatusChangeNotAllowed if it can no longer be cancelled.
        """
        transitions.refuse_move(booking, Status.CANCELLED)
        paid_by = queries.applied_attempt(session, queries.locked(session, booking.id).payment.id)
        self._end(session, booking, actor, reason, now, paid=paid_by is not None)
        refund = 0
        if paid_by is not None:
            refunded = queries.refunded_of_total(session, paid_by, booking.total)
            refund = refundable(booking.total, refunded, refund_bp)
            parts = self.parts(booking)
            sharing.share_out(session, booking, paid_by, refund, refunded=refunded, parts=parts, now=now)
        self.notify(session, booking, "cancelled", now, amount=refund)
        return refund

    def refund_of_cancelling(self, session: Session, booking: Booking, refund_bp: int) -> int:
        """Return the refund that cancelling a booking now brings, in paise; 0 while it is unpaid. Takes no lock.

        Raises StatusChangeNotAllowed for one that cannot be cancelled any more.
        """
        transitions.refuse_move(booking, Status.CANCELLED)
        paid_by = queries.applied_attempt_of(session, booking.id)
        if paid_by is None:
            return 0
        return refundable(booking.total, queries.refunded_of_total(session, paid_by, booking.total), refund_bp)

    def complete(self, session: Session, booking: Booking, actor: Actor, now: datetime) -> None:
        """Complete a locked booking: post the earnings, notify the customer, issue the invoice.

        Raises StatusChangeNotAllowed if it is not in progress.
        """
        transitions.refuse_move(booking, Status.COMPLETED)
        transitions.move(session, booking, Status.COMPLETED, actor, now, kind="completed")
        session.flush()
        earning.post_earnings(session, booking, self.parts(booking), now)
        self.notify(session, booking, "completed", now)
        invoicing.issue(session, self, booking, self.supply(session, booking), now)

    def notify(
        self,
        session: Session,
        booking: Booking,
        kind: str,
        now: datetime,
        *,
        subject: UUID | None = None,
        amount: int | None = None,
    ) -> None:
        """Notify a booking's customer, once for each kind and subject (the booking, unless another is given).

        `amount` is the refund that the mail is about, in paise.
        """
        facts = BookingFacts(booking_id=str(booking.id), ref=booking.ref, total=booking.total, amount=amount)
        notify(session, booking.customer_id, self.name, kind, subject or booking.id, facts.to_row(), now)

    def _notify_refund(
        self, session: Session, booking: Booking, kind: str, refund: RefundOfBooking, now: datetime
    ) -> None:
        self.notify(session, booking, kind, now, subject=refund.id, amount=refund.amount)

    def _end(self, session: Session, booking: Booking, actor: Actor, reason: str, now: datetime, *, paid: bool) -> None:
        booking.pay_by, booking.cancellation_reason = None, reason
        payment = None if paid else PaymentStatus.FAILED
        transitions.move(
            session, booking, Status.CANCELLED, actor, now, kind="cancelled", reason=reason, payment=payment
        )
        session.flush()


SWITCHED_OFF = "This line of business is switched off: add it to LINES to finish its bookings."


class RetiredLine(NeutralLine):
    """A line that this deployment has switched off: its finished bookings remain in the lists of all bookings."""

    brand = Brand("Bookings", "about an earlier booking")
    ref_prefix = invoice_prefix = "BK"
    credit_note_prefix = "BC"

    def __init__(self, name: str) -> None:
        self.name = name  # type: ignore[misc]

    def change_status(self, begin: Begin, booking_id: UUID, status: Status, reason: str | None, now: datetime) -> None:  # noqa: ARG002
        """Refuse with StatusChangeNotAllowed: the line's own rules decide, and they are not deployed."""
        with begin() as (session, _):
            booking = bookings.locked_if_known(session, booking_id)
            raise StatusChangeNotAllowed(booking, status, SWITCHED_OFF)

    def on_unpaid(self, session: Session, booking: Booking, why: str, now: datetime) -> None:  # noqa: ARG002
        """Raise StatusChangeNotAllowed, so that the job `expire` raises its alarm: the line may have more to undo."""
        raise StatusChangeNotAllowed(booking, Status.CANCELLED, SWITCHED_OFF)

    def parts(self, booking: Booking) -> Parts:
        """Raise StatusChangeNotAllowed: an unfinished booking stops the line from being switched off."""
        raise StatusChangeNotAllowed(booking, Status.COMPLETED, SWITCHED_OFF)

    def supply(self, session: Session, booking: Booking) -> Supply:  # noqa: ARG002
        """Raise StatusChangeNotAllowed, as `parts` does."""
        raise StatusChangeNotAllowed(booking, Status.COMPLETED, SWITCHED_OFF)
