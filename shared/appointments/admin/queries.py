"""An admin's view of one appointment: its times and place, and the offers to providers, in one statement."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.appointments.admin.views import offer_view
from shared.appointments.line import AppointmentLine
from shared.appointments.models import Appointment, Offer
from shared.bookings.line import LineDetails
from shared.users.models import User


def details(session: Session, line: AppointmentLine, booking_id: UUID) -> LineDetails:
    """Return an appointment with its offers, the oldest first."""
    rows = session.execute(
        select(Appointment, Offer, User.name)
        .outerjoin(Offer, Offer.booking_id == Appointment.booking_id)
        .outerjoin(User, User.id == Offer.provider_id)
        .where(Appointment.booking_id == booking_id)
        .order_by(Offer.offered_at, Offer.id)
    ).all()
    if not rows:
        return LineDetails()
    offers = [offer_view(offer, name) for _, offer, name in rows if offer is not None]
    return LineDetails(line.visit_view(rows[0][0]), offers)
