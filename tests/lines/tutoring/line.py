"""The manifest of the tutoring line: a tutor comes to the customer's home for an hour."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from shared.appointments.completion import supply_of
from shared.appointments.line import AppointmentLine, Price
from shared.appointments.models import Appointment
from shared.appointments.policy import AppointmentPolicy, fixed_terms
from shared.appointments.request import AppointmentRequest, BookingContext, Candidate, times
from shared.appointments.schemas import AppointmentBody
from shared.bookings.models import Booking
from shared.invoices.documents import Component, Line, Supply
from shared.kit.brand import Brand
from shared.kit.money import share
from shared.kit.schemas import Text
from shared.kit.stored import Stored
from shared.ledger.postings import Parts
from shared.payments.cancellation_policy import CancellationPolicy, Tier

HOUR, GST_BP, COMMISSION_BP = timedelta(hours=1), 1_800, 2_000
TIERS = CancellationPolicy((Tier(48, 10_000), Tier(12, 2_500)))


class LessonBody(AppointmentBody):
    subject: Text(1, 50)


@dataclass(frozen=True, kw_only=True)
class LessonRequest(AppointmentRequest):
    subject: str


@dataclass(frozen=True)
class Lesson(Stored):
    subject: str


class Tutoring(AppointmentLine):
    """Selects the subject's most experienced tutor, then the cheapest; tutors answer before the payment."""

    name = "tutoring"
    brand = Brand("Homework", "a tutor at your home")
    ref_prefix, invoice_prefix, credit_note_prefix = "TU", "TU", "TC"
    provider_role = "tutor"
    policy = AppointmentPolicy(offered_at_booking=True, long_offer=HOUR, free_after_provider_change=timedelta())
    terms_sql = fixed_terms(TIERS, gap_minutes=45, lead_minutes=60, horizon_days=14)
    candidate_facts = ", p.experience_years, p.specialties"
    candidate_order = "experience_years desc, rate, id"
    ranks = True

    def request(self, session: Session, customer_id: UUID, body: LessonBody) -> LessonRequest:  # noqa: ARG002
        when = vars(times(body.booking_date, body.time_slot, HOUR, self.time_zone))
        people = {"address_id": body.address_id, "provider_id": body.provider_id}
        return LessonRequest(**when, **people, subject=body.subject)

    def request_of(self, appointment: Appointment) -> LessonRequest | None:
        known = super().request_of(appointment)
        return known and LessonRequest(**asdict(known), subject=appointment.details["subject"])

    def rank(self, candidates: Sequence[Candidate], request: LessonRequest) -> Sequence[Candidate]:
        return [one for one in candidates if request.subject in one.facts["specialties"]]

    def price(self, request: LessonRequest, context: BookingContext, provider: Candidate) -> Price:  # noqa: ARG002
        lesson, gst = provider.rate, share(provider.rate, GST_BP)
        earning = lesson - share(lesson, COMMISSION_BP)
        return Price(lesson + gst, {"lesson": lesson, "gst": gst}, earning, Lesson(request.subject))

    def parts(self, booking: Booking, appointment: Appointment) -> Parts:
        price = booking.breakdown
        return Parts(appointment.earning, price["lesson"] - appointment.earning, price["gst"])

    def supply(self, booking: Booking, appointment: Appointment, customer_name: str | None) -> Supply:
        price = booking.breakdown
        lines, cgst = (Line(appointment.details["subject"], price["lesson"]),), price["gst"] // 2
        lesson = Component("Lesson at home", "999293", lines, cgst, price["gst"] - cgst)
        return supply_of(booking, appointment, customer_name, lesson)


LINE = Tutoring()
