"""One booking as its customer has it, with what goes back of its price: a list of them needs no refunds."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import bindparam
from sqlalchemy.orm import Session

from shared.bookings.models import Booking
from shared.lines.home_chef.queries import SHOWN, BookingRow
from shared.payments.models import Refund

_ONE = (
    SHOWN.add_columns(Refund)
    .outerjoin(Refund, Refund.booking_id == Booking.id)
    .where(Booking.id == bindparam("booking"))
    .order_by(Refund.created_at, Refund.id)
)


def of_customer(session: Session, customer_id: UUID, booking_id: UUID) -> tuple[BookingRow, Sequence[Refund]] | None:
    """Return a customer's own booking with its refunds, in one statement."""
    rows = session.execute(_ONE, {"customer": customer_id, "booking": booking_id}).mappings().all()
    if not rows:
        return None
    return rows[0], [row["Refund"] for row in rows if row["Refund"] is not None]
