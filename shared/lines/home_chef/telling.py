"""Who is told what of a visit, with the facts a mail is worded from."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from shared.bookings.lifecycle import Answer
from shared.bookings.models import Booking
from shared.lines.home_chef.lifecycle import LINE
from shared.lines.home_chef.models import Visit
from shared.lines.home_chef.schemas import BookingView
from shared.notifications.queries import tell
from shared.users.models import User


def facts_of(session: Session, booking: Booking, visit: Visit) -> dict[str, Any]:
    """Return what a mail may say of a visit, and what tells later whether it is still true; amounts are paise."""
    chef = session.get(User, booking.provider_id) if booking.provider_id else None
    return {
        "booking_id": str(booking.id),
        "ref": booking.ref,
        "total": booking.total,
        "earning": visit.earning,
        "day": visit.booking_date.isoformat(),
        "time": visit.time_slot.strftime("%H:%M"),
        "zone": visit.time_zone,
        "starts_at": visit.starts_at.isoformat(),
        "hours": visit.duration_hours,
        "guests": visit.guest_count,
        "city": visit.address["city"],
        "chef": chef.name if chef else None,
        "chef_id": str(chef.id) if chef else None,
        "accepted": booking.answer == Answer.ACCEPTED,
    }


def facts_when_booked(view: BookingView, earning: int) -> dict[str, Any]:
    """Return the same of a visit that is just being booked, with the instant by which it is to be paid."""
    return {
        "booking_id": str(view.id),
        "ref": view.ref,
        "total": view.total,
        "earning": earning,
        "day": view.booking_date.isoformat(),
        "time": view.time_slot.strftime("%H:%M"),
        "zone": view.time_zone,
        "starts_at": view.starts_at.isoformat(),
        "hours": view.duration_hours,
        "guests": view.guest_count,
        "city": view.address.city,
        "chef": view.chef_name,
        "chef_id": str(view.chef_id),
        "accepted": False,
        "pay_by": view.pay_by.isoformat() if view.pay_by else None,
    }


def tell_customer(
    session: Session,
    booking: Booking,
    visit: Visit,
    kind: str,
    now: datetime,
    subject: UUID | None = None,
    once: str | None = None,
    **more: Any,
) -> None:
    """Tell the customer once: of the booking, or of the subject given, and of `once` where one kind comes repeatedly."""
    facts = facts_of(session, booking, visit) | more
    tell(session, booking.customer_id, LINE, kind, subject or booking.id, facts, now, once=once)


def tell_chef(
    session: Session,
    booking: Booking,
    visit: Visit,
    kind: str,
    now: datetime,
    subject: UUID | None = None,
    once: str | None = None,
    chef_id: UUID | None = None,
    **more: Any,
) -> None:
    """Tell the same to the booking's chef, if there is one, or to the chef named: one who no longer has the visit."""
    chef = chef_id or booking.provider_id
    if chef is not None:
        facts = facts_of(session, booking, visit) | more
        tell(session, chef, LINE, kind, subject or booking.id, facts, now, once=once)


def since_move(visit: Visit) -> str | None:
    """Return what names, after each move of a visit, what is told of its time: it is told again."""
    return f"moved {visit.rescheduled}" if visit.rescheduled else None
