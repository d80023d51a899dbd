"""The manifest of the errand line: a runner does an errand for the customer."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from shared.bookings.line import LineDetails
from shared.bookings.models import Booking
from shared.invoices.documents import Component, Supply
from shared.invoices.documents import Line as InvoiceLine
from shared.kit.brand import Brand
from shared.kit.clock import local
from shared.kit.email_template import EmailTemplate
from shared.kit.money import BASIS_POINTS
from shared.kit.schemas import View
from shared.ledger.postings import Parts
from shared.notifications.notice import Notice, Reader
from shared.payments.cancellation_policy import best_tier
from shared.payments.letters import BookingFacts, hello
from shared.payments.neutral_line import NeutralLine
from shared.users.models import User
from tests.lines.errand.pricing import POLICY, Breakdown
from tests.lines.errand.tables import SELECT


class ErrandDetails(View):
    task: str
    place: str
    due_at: datetime
    distance_km: int


class Errands(NeutralLine):
    name = "errand"
    brand = Brand("Dash", "errands run for you")
    ref_prefix, invoice_prefix, credit_note_prefix = "ER", "ER", "EC"
    invariants = ("tests.lines.errand.invariants.errands_cost_their_distance",)

    def details(self, session: Session, booking: Booking) -> LineDetails:
        return LineDetails(visit=self.errand(session, booking.id))

    def errand(self, session: Session, booking_id: UUID) -> ErrandDetails:
        return ErrandDetails.model_validate(session.execute(SELECT, {"booking_id": booking_id}).one())

    def refund_bp(self, session: Session, booking: Booking, now: datetime) -> int:
        """Return the share of the total that a cancellation now refunds, in basis points."""
        return best_tier(self.errand(session, booking.id).due_at, POLICY, BASIS_POINTS, now)[0]

    def parts(self, booking: Booking) -> Parts:
        price = Breakdown(**booking.breakdown)
        return Parts(provider=0, platform=price.base + price.distance, gst=price.gst)

    def supply(self, session: Session, booking: Booking) -> Supply:
        price, errand = Breakdown(**booking.breakdown), self.errand(session, booking.id)
        lines = (InvoiceLine("Errand", price.base), InvoiceLine(f"{errand.distance_km} km", price.distance))
        cgst = price.gst // 2
        return Supply(
            booking_ref=booking.ref,
            supplied_on=local(errand.due_at, self.time_zone).date(),
            customer=session.get_one(User, booking.customer_id).name,
            address=errand.place,
            place_of_supply=booking.city,
            components=(Component("Errand", "996813", lines, cgst, price.gst - cgst),),
        )

    def letter(self, notice: Notice, reader: Reader) -> EmailTemplate:
        if notice.kind != "booked":
            return super().letter(notice, reader)
        ref = BookingFacts.from_row(notice.facts).ref
        return EmailTemplate(
            f"Booked: {ref}", "Your errand is booked", [hello(reader), "We start when you have paid."], []
        )


LINE = Errands()
