"""The manifest of the line: a chef who cooks at the customer's home (Sizzle)."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from shared.appointments.facts import AppointmentFacts
from shared.appointments.line import AppointmentLine, Placement, Price
from shared.appointments.models import Appointment
from shared.appointments.providers.models import Provider
from shared.appointments.request import AppointmentRequest, BookingContext, Candidate
from shared.bookings.models import Booking
from shared.invoices.documents import Supply
from shared.kit.brand import Brand
from shared.kit.database import Parameters
from shared.kit.email_template import EmailTemplate
from shared.kit.schemas import Body, View
from shared.ledger.postings import Parts
from shared.lines.home_chef import pricing, quotes, views
from shared.lines.home_chef.pricing import Breakdown
from shared.lines.home_chef.quotes import QuotedVisit, QuoteGone
from shared.lines.home_chef.rate_card import RateCard
from shared.lines.home_chef.schemas import BookingRequest
from shared.lines.home_chef.visit import (
    CHEF,
    NAME,
    ZONE,
    ChefNotFound,
    ChefUnavailable,
    NoChefFree,
    VisitDetails,
    VisitFacts,
    VisitRequest,
)
from shared.notifications.notice import Notice, Reader
from shared.users.models import User

_DEFAULTS = RateCard()


class HomeChef(AppointmentLine):
    """Appointments priced by the hour, at the rate of the chef; assigned is the cheapest free chef, among equals the best rated."""

    name = NAME
    brand = Brand("Sizzle", "a chef at your home")
    ref_prefix, invoice_prefix, credit_note_prefix = "SZ", "SZ", "SC"
    provider_role = CHEF
    time_zone = ZONE
    unavailable, none_free, provider_not_found = ChefUnavailable, NoChefFree, ChefNotFound
    models = (*AppointmentLine.models, "shared.lines.home_chef.models")
    invariants = (
        *AppointmentLine.invariants,
        "shared.lines.home_chef.invariants.bookings_charge_the_quoted_price",
        "shared.lines.home_chef.invariants.earnings_split_matches_the_price",
        "shared.lines.home_chef.invariants.prices_match_the_tariff",
        "shared.lines.home_chef.invariants.reschedules_refund_the_difference",
        "shared.lines.home_chef.invariants.visits_are_complete",
    )
    terms_sql = f"""
      select t.valid_from, coalesce(cast(t.rates->>'gap_minutes' as int), {_DEFAULTS.gap_minutes}) as gap_minutes,
        coalesce(cast(t.rates->>'lead_minutes' as int), {_DEFAULTS.lead_minutes}) as lead_minutes,
        coalesce(cast(t.rates->>'horizon_days' as int), {_DEFAULTS.horizon_days}) as horizon_days,
        t.rates, t.cancellation
      from home_chef_tariffs t where t.valid_from <= :now order by t.valid_from desc limit 1"""
    candidate_order = "rate, rating desc nulls last, id"
    hourly_counts = {quotes.QUOTED: quotes.COUNT}  # noqa: RUF012 - a ClassVar of the interface
    write_fragment = """
      update home_chef_quotes set booking_id = booking.id from booking
      where home_chef_quotes.id = :quote_id and booking_id is null returning home_chef_quotes.id"""
    # Sizzle's clients use these names of kinds and reasons, which are older than the other lines.
    words = {  # noqa: RUF012 - a ClassVar of the interface
        "no_provider": "no_chef",
        "provider_assigned": "chef_assigned",
        "provider_changed": "chef_changed",
        "provider_left": "chef_left",
        "provider_reminder_day": "chef_reminder_day",
        "provider_reminder_hours": "chef_reminder_hours",
        "provider_removed": "chef_removed",
    }

    def request(self, session: Session, customer_id: UUID, body: Body) -> VisitRequest:
        assert isinstance(body, BookingRequest)  # noqa: S101 - what the endpoint declares
        if body.quote_id is not None:
            return quotes.quoted_visit(session, customer_id, body.quote_id)
        return VisitRequest.of(body.visit())

    def price(self, request: AppointmentRequest, context: BookingContext, provider: Candidate) -> Price:
        assert isinstance(request, VisitRequest)  # noqa: S101 - made by `request`
        assert provider.rate is not None, "a chef has a rate"  # noqa: S101 - a CHECK holds it
        rates = RateCard.from_row(context.terms.rates)
        if isinstance(request, QuotedVisit):
            rate, breakdown = request.rate, request.breakdown
        else:
            rate = provider.rate
            hours, guests = request.duration_hours, request.guest_count
            breakdown = pricing.quote(rate, hours, guests, request.time_slot, rates)
        details = VisitDetails(request.duration_hours, request.guest_count, request.special_requests, rate)
        earning = pricing.earning(breakdown.subtotal, rates)
        return Price(breakdown.total, breakdown.to_row(), earning, details)

    def write_parameters(self, placement: Placement) -> Parameters:
        request = placement.request
        return {"quote_id": request.quote_id if isinstance(request, QuotedVisit) else None}

    def refuse_written(self, placement: Placement, details: int) -> None:
        if isinstance(placement.request, QuotedVisit) and not details:
            raise QuoteGone("This quote has been used for a booking.")

    def booked_view(self, placement: Placement) -> View:
        return views.booked_view(placement)

    def parts(self, booking: Booking, appointment: Appointment) -> Parts:
        breakdown = Breakdown(**booking.breakdown)
        commission = breakdown.subtotal - appointment.earning
        return Parts(provider=appointment.earning, platform=commission + breakdown.platform_fee, gst=breakdown.gst)

    def supply(self, booking: Booking, appointment: Appointment, customer_name: str | None) -> Supply:
        from shared.lines.home_chef import invoice

        return invoice.supply(booking, appointment, customer_name)

    def facts(self, common: AppointmentFacts, appointment: Appointment) -> VisitFacts:
        details = VisitDetails.from_row(appointment.details)
        return VisitFacts(**vars(common), guests=details.guest_count, hours=details.duration_hours)

    def placement_facts(self, common: AppointmentFacts, placement: Placement) -> VisitFacts:
        request = placement.request
        assert isinstance(request, VisitRequest)  # noqa: S101 - made by `request`
        return VisitFacts(**vars(common), guests=request.guest_count, hours=request.duration_hours)

    def letter(self, notice: Notice, reader: Reader) -> EmailTemplate:
        from shared.lines.home_chef import letters

        return letters.letter(notice.kind, VisitFacts.from_row(notice.facts), reader)

    def provider_view(self, user: User, provider: Provider) -> View:
        return views.registered_chef_view(user, provider)

    def visit_view(self, appointment: Appointment) -> View:
        return views.visit_view(appointment)

    def breakdown(self, booking: Booking) -> Mapping[str, int]:
        price = Breakdown(**booking.breakdown)
        derived = ("subtotal", "gst", "cgst", "sgst", "total")
        shown = {**price.to_row(), **{name: getattr(price, name) for name in derived}}
        return {name: paise for name, paise in shown.items() if name not in {"gst_service", "gst_fee"}}

    def purge(self, session: Session, now: datetime, limit: int) -> int:
        return quotes.purge(session, now, limit)


LINE = HomeChef()
