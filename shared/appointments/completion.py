"""Start and complete an appointment; completion turns the advance into earnings. Source: docs/product.md#start-and-completion, docs/product.md#ledger."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.appointments import notify
from shared.appointments.line import AppointmentLine
from shared.appointments.models import Appointment
from shared.appointments.queries import AppointmentRow
from shared.bookings import transitions
from shared.bookings.history import Actor
from shared.bookings.lifecycle import Status
from shared.bookings.models import Booking
from shared.invoices.documents import Component, Supply
from shared.payments import earning, invoicing
from shared.users.models import User

_COUNT = text("update providers set total_bookings = total_bookings + 1 where user_id = :provider")


def supply_of(booking: Booking, appointment: Appointment, customer_name: str | None, *components: Component) -> Supply:
    """Return the supply of a completed appointment for its invoice: components, address, local day."""
    place = appointment.address
    return Supply(
        booking_ref=booking.ref,
        supplied_on=appointment.booking_date,
        customer=customer_name,
        address=f"{place['full_address']}, {place['city']} {place['pincode']}",
        place_of_supply=place["state"] or place["city"],
        components=components,
    )


def start(session: Session, line: AppointmentLine, row: AppointmentRow, actor: Actor, now: datetime) -> None:
    """Start a locked booking whose status allows it, and notify the customer."""
    transitions.move(session, row.booking, Status.IN_PROGRESS, actor, now, kind="started")
    row.appointment.started_at = now
    session.flush()
    notify.customer(session, line, row.booking, row.appointment, "started", now)


def complete(
    session: Session, line: AppointmentLine, row: AppointmentRow, actor: Actor, reason: str | None, now: datetime
) -> None:
    """Complete a locked booking that is in progress: post the earnings, notify the customer, issue the invoice."""
    booking, appointment = row.booking, row.appointment
    transitions.move(session, booking, Status.COMPLETED, actor, now, kind="completed", reason=reason)
    appointment.completed_at = now
    session.flush()
    parts = line.parts(booking, appointment)
    earning.post_earnings(session, booking, parts, now, borne_since=appointment.provider_changed_at)
    session.execute(_COUNT, {"provider": booking.provider_id})
    notify.customer(session, line, booking, appointment, "completed", now)
    customer = session.get_one(User, booking.customer_id)
    invoicing.issue(session, line, booking, line.supply(booking, appointment, customer.name), now)
