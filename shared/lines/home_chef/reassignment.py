"""A chef is gone: what they were to cook is somebody else's to decide (PRODUCT, "A booking", Deactivated chef)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from shared.bookings import queries
from shared.bookings.history import Actor, note, open_exception
from shared.bookings.lifecycle import Status
from shared.bookings.models import Booking
from shared.kit.database import Database

WAITING = frozenset({Status.PENDING, Status.CONFIRMED})


def leave(db: Database, chef_id: UUID, actor: Actor, now: datetime) -> int:
    """Tell a person of each visit a deactivated chef has not begun, each in a transaction of its own; returns how many."""
    theirs = select(Booking.id).where(Booking.provider_id == chef_id, Booking.status.in_(WAITING))
    with db.reading() as session:
        left = session.scalars(theirs).all()
    for booking_id in left:
        with db.transaction() as session:
            booking = queries.locked(session, booking_id)
            if booking.provider_id == chef_id and booking.status in WAITING:
                note(session, booking, actor, now, kind="chef_left")
                open_exception(session, "chef_left", booking_id, booking_id, now)
    return len(left)
