"""The interface of a line with appointments: prices, rules, views, and reactions to its bookings.

A concrete line derives from `AppointmentLine` in its `line.py`. Each method imports the modules of this
package that it needs, so that the booking endpoint loads neither deadlines nor invoices.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy.orm import Session

from shared.appointments.facts import AppointmentFacts
from shared.appointments.models import Appointment
from shared.appointments.policy import AppointmentPolicy
from shared.appointments.providers.models import Provider
from shared.appointments.request import (
    AppointmentRequest,
    BookingContext,
    Candidate,
    NoProviderFree,
    ProviderNotFound,
    ProviderUnavailable,
)
from shared.bookings.lifecycle import Status
from shared.bookings.line import Begin, Line, LineDetails, PaidPayment, RefundOfBooking
from shared.bookings.models import Booking
from shared.invoices.documents import Supply
from shared.kit.database import Database, Parameters
from shared.kit.email_template import EmailTemplate
from shared.kit.schemas import Body, View
from shared.kit.stored import Stored
from shared.ledger.postings import Parts
from shared.notifications.notice import Notice, Reader
from shared.users.models import ADMIN, CUSTOMER, User


@dataclass(frozen=True)
class Price:
    """The price of an appointment and the details its line stores; amounts are paise."""

    total: int
    breakdown: Mapping[str, int]
    earning: int
    details: Stored


@dataclass(frozen=True)
class Placement:
    """A booking that is being made: the data of its rows and its view."""

    id: UUID
    ref: str
    customer_id: UUID
    request: AppointmentRequest
    context: BookingContext
    provider: Candidate
    price: Price
    pay_by: datetime
    now: datetime


class AppointmentLine(Line):
    """A line whose bookings are appointments: a provider comes at an agreed time."""

    provider_role: ClassVar[str]
    models: ClassVar[tuple[str, ...]] = ("shared.appointments.models", "shared.appointments.providers.models")
    invariants: ClassVar[tuple[str, ...]] = (
        "shared.appointments.invariants.an_unassigned_appointment_is_under_review",
        "shared.appointments.invariants.customers_have_no_overlapping_appointments",
        "shared.appointments.invariants.offers_match_their_bookings",
        "shared.appointments.invariants.open_offers_expire_in_time",
        "shared.appointments.invariants.rating_totals_match_the_ratings",
    )
    task_handlers: ClassVar[Mapping[str, str]] = {"lapse": "shared.appointments.deadlines:lapse"}
    policy: ClassVar[AppointmentPolicy] = AppointmentPolicy()
    terms_sql: ClassVar[str]  # selects the BookingTerms of `:now` as one row
    candidate_facts: ClassVar[str] = ""  # more columns of a candidate `p` (providers), each after a comma
    candidate_order: ClassVar[str] = "rating desc nulls last, id"
    ranks: ClassVar[bool] = False  # whether `rank` reorders the candidates that `candidate_order` sorted
    hourly_counts: ClassVar[
        Mapping[str, str]
    ] = {}  # more hourly limits: name → SQL that selects [count, oldest instant]
    write_fragment: ClassVar[str] = ""  # one more CTE of the statement that stores a booking, named `detail`
    cancellable_by: ClassVar[frozenset[str]] = frozenset({CUSTOMER, "provider", ADMIN})
    words: ClassVar[Mapping[str, str]] = {}  # a kind or reason as this package names it → this line's name
    unavailable: ClassVar[type[ProviderUnavailable]] = ProviderUnavailable
    none_free: ClassVar[type[NoProviderFree]] = NoProviderFree
    provider_not_found: ClassVar[type[ProviderNotFound]] = ProviderNotFound

    def word(self, name: str) -> str:
        return self.words.get(name, name)

    @abstractmethod
    def request(self, session: Session, customer_id: UUID, body: Body) -> AppointmentRequest:
        """Return the appointment a request body describes; raises the line's own refusals."""

    def request_of(self, appointment: Appointment) -> AppointmentRequest | None:
        """Return the request of a stored appointment, for `rank` to choose the next provider; None if its address is gone.

        A line whose ranking needs its own fields reads them from the appointment's details.
        """
        if appointment.address_id is None:
            return None
        names = ("address_id", "booking_date", "time_slot", "starts_at", "ends_at")
        return AppointmentRequest(**{name: getattr(appointment, name) for name in names})

    def rank(self, candidates: Sequence[Candidate], request: AppointmentRequest) -> Sequence[Candidate]:  # noqa: ARG002
        """Return the eligible candidates, of at most 200, in the order of their offers. Must be pure."""
        return candidates

    @abstractmethod
    def price(self, request: AppointmentRequest, context: BookingContext, provider: Candidate) -> Price:
        """Return the price of an appointment with a provider, under the terms of the context."""

    def write_parameters(self, placement: Placement) -> Parameters:  # noqa: ARG002
        """Return the parameters of `write_fragment`."""
        return {}

    def refuse_written(self, placement: Placement, details: int) -> None:
        """Raise the line's refusal if `details`, the row count of `write_fragment`, means that the booking is invalid."""

    def booked_view(self, placement: Placement) -> View:
        """Return the customer's view of a new booking."""
        from shared.appointments import views

        return views.booked_view(self, placement)

    @abstractmethod
    def parts(self, booking: Booking, appointment: Appointment) -> Parts:
        """Return each side's part of a booking's total, in paise."""

    @abstractmethod
    def supply(self, booking: Booking, appointment: Appointment, customer_name: str | None) -> Supply:
        """Return the supply of a completed appointment, for its invoice."""

    def facts(self, common: AppointmentFacts, appointment: Appointment) -> AppointmentFacts:  # noqa: ARG002
        """Return the facts that an appointment's mails show."""
        return common

    def placement_facts(self, common: AppointmentFacts, placement: Placement) -> AppointmentFacts:  # noqa: ARG002
        """Return the facts that the mails about a new booking show."""
        return common

    def provider_view(self, user: User, provider: Provider) -> View:
        """Return a provider as an admin sees them."""
        from shared.appointments.providers import views
        from shared.appointments.providers.schemas import ProviderView

        return views.provider_as(ProviderView, user, provider)

    def on_paid(self, session: Session, booking: Booking, payment: PaidPayment, now: datetime) -> None:  # noqa: ARG002
        from shared.appointments import offers

        offers.on_paid(session, self, booking, now)

    def on_unpaid(self, session: Session, booking: Booking, why: str, now: datetime) -> None:
        from shared.appointments import cancellation

        cancellation.cancel_unpaid(session, self, booking, why, now)

    def pay_by(self, session: Session, booking: Booking, now: datetime) -> datetime:
        from shared.appointments import offers, queries

        return offers.pay_by_once_confirmed(self.policy, queries.appointment_of(session, booking.id), now)

    def on_refund_decided(self, session: Session, booking: Booking, refund: RefundOfBooking, now: datetime) -> None:
        from shared.payments import invoicing

        self._notify_refund(session, booking, "refund_decided", refund, now)
        invoicing.credit(session, self, booking.id, refund.id, refund.amount, now)

    def on_refund_owed(self, session: Session, booking: Booking, refund: RefundOfBooking, now: datetime) -> None:
        self._notify_refund(session, booking, "refund_on_its_way", refund, now)

    def on_refunded(self, session: Session, booking: Booking, refund: RefundOfBooking, now: datetime) -> None:
        self._notify_refund(session, booking, "refunded", refund, now)

    def _notify_refund(
        self, session: Session, booking: Booking, kind: str, refund: RefundOfBooking, now: datetime
    ) -> None:
        from shared.appointments import notify, queries

        appointment = queries.appointment_of(session, booking.id)
        notify.customer(session, self, booking, appointment, kind, now, subject=refund.id, amount=refund.amount)

    def letter(self, notice: Notice, reader: Reader) -> EmailTemplate:
        from shared.appointments import letters

        return letters.letter(notice.kind, AppointmentFacts.from_row(notice.facts), reader)

    def is_current(self, session: Session, notice: Notice) -> bool:
        from shared.appointments import staleness

        return staleness.is_current(session, self, notice)

    def change_status(self, begin: Begin, booking_id: UUID, status: Status, reason: str | None, now: datetime) -> None:
        from shared.appointments import status_changes

        status_changes.by_admin(begin, self, booking_id, status, reason, now)

    def assign(self, begin: Begin, booking_id: UUID, provider_id: UUID | None, now: datetime, *, field: str) -> None:
        from shared.appointments import assignment

        if provider_id is None:
            assignment.remove(begin, self, booking_id, None, now)
        else:
            assignment.assign(begin, self, booking_id, provider_id, None, now, field=field)

    def details(self, session: Session, booking: Booking) -> LineDetails:
        from shared.appointments.admin import queries

        return queries.details(session, self, booking.id)

    def visit_view(self, appointment: Appointment) -> View:
        """Return the admin's view of an appointment; a line adds its details by name."""
        from shared.appointments.admin.views import visit_view

        return visit_view(appointment)

    def enforce_deadlines(self, db: Database, now: datetime) -> dict[str, int]:
        from shared.appointments import deadlines

        return deadlines.enforce(db, self, now)

    def remind(self, db: Database, now: datetime) -> dict[str, int]:
        from shared.appointments import reminders

        return reminders.remind(db, self, now)
