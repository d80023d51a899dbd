"""A visit is over: the advance becomes what each side earned (PRODUCT, "Money")."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.bookings.history import Actor, move
from shared.bookings.lifecycle import Status
from shared.bookings.models import Booking
from shared.ledger import postings
from shared.ledger import queries as ledger
from shared.ledger.postings import Bearer, Parts, after_refund
from shared.lines.home_chef import invoicing
from shared.lines.home_chef.models import Visit
from shared.lines.home_chef.pricing import Breakdown
from shared.lines.home_chef.telling import tell_customer
from shared.payments import queries as payments

_COUNT = text("update chef_profiles set total_bookings = total_bookings + 1 where user_id = :chef")


def parts_of(booking: Booking, visit: Visit) -> Parts:
    """Return whose what of a booking's total is, in paise; the commission is the platform's."""
    breakdown = Breakdown(**booking.breakdown)
    return Parts(
        provider=visit.earning,
        platform=breakdown.subtotal - visit.earning + breakdown.platform_fee,
        gst=breakdown.gst,
    )


def _earned(session: Session, booking: Booking, visit: Visit) -> Parts:
    """Return the parts of what is left of the advance: what went back before is missing from who bears it."""
    parts = parts_of(booking, visit)
    # A refund that a chef was to bear is not his successor's.
    stayed = payments.stayed(session, booking.id, since=visit.chef_changed_at)
    gone = parts.total - stayed.amount
    of_provider = min(gone, stayed.borne_by_provider)
    return after_refund(after_refund(parts, of_provider, Bearer.PROVIDER), gone - of_provider, Bearer.PLATFORM)


def complete(session: Session, booking: Booking, visit: Visit, actor: Actor, reason: str | None, now: datetime) -> None:
    """Complete a locked booking that is in progress, book what was earned, thank the customer, issue the invoice."""
    assert booking.provider_id is not None, "a visit in progress has its chef"  # noqa: S101 - the CHECK holds it
    move(session, booking, Status.COMPLETED, actor, now, kind="completed", reason=reason)
    visit.completed_at = now
    session.flush()
    lines = postings.completed(_earned(session, booking, visit), booking.provider_id)
    ledger.post(session, postings.Kind.COMPLETED, booking.id, booking.id, lines, at=now)
    session.execute(_COUNT, {"chef": booking.provider_id})
    tell_customer(session, booking, visit, "completed", now)
    invoicing.issue(session, booking, visit, now)
