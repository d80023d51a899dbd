"""An admin closes a manual review; a reference proves a refund that was paid manually (docs/product.md#exceptions)."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from shared.audit import queries as audit
from shared.audit.context import AuditContext
from shared.bookings.admin import queries as bookings
from shared.bookings.admin.schemas import ExceptionClosing
from shared.bookings.history import Actor, note
from shared.bookings.line import Lines
from shared.bookings.models import ManualReview
from shared.kit.errors import Invalid, NotFound, Refusal
from shared.payments import queries, refunding
from shared.payments.lifecycle import REFUND, RefundState
from shared.payments.models import CASH_REFUND, Attempt, Refund
from shared.payments.queries import LockedPayment
from shared.users.models import ADMIN

UNRESOLVED: dict[str, type[Attempt] | type[Refund]] = {"payment_unresolved": Attempt, "refund_unresolved": Refund}
POLL_AGAIN_AFTER = timedelta(days=1)
ABOUT_A_REFUND = frozenset({"refund_failed", "refund_unresolved", CASH_REFUND})


class ExceptionNotFound(NotFound):
    code = "exception_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such exception.")


class AlreadyClosed(Refusal):
    code, title = "already_closed", "Already closed"


def close(
    session: Session, lines: Lines, exception_id: UUID, closing: ExceptionClosing, by: AuditContext, now: datetime
) -> ManualReview:
    """Close an exception; a reference also marks its refund done.

    A payment or refund that has not ended is polled once more a day later, and reviewed again if still open.
    Raises ExceptionNotFound, AlreadyClosed, and Invalid if a reference is missing or does not apply.
    """
    found = bookings.review(session, exception_id)
    if found is None:
        raise ExceptionNotFound
    locked_payment = queries.locked(session, found.booking_id) if found.booking_id else None
    found = bookings.locked_review(session, exception_id)
    if found.closed_at is not None:
        raise AlreadyClosed("This exception is closed already.", closed_at=found.closed_at.isoformat())
    _record_payout(session, lines, locked_payment, found, closing.reference, by, now)
    if found.kind in UNRESOLVED:
        queries.poll_again(session, UNRESOLVED[found.kind], found.subject_id, now + POLL_AGAIN_AFTER)
    found.closed_at, found.closed_by, found.closing_note = now, by.id, closing.closing_note
    if locked_payment is not None:
        note(session, locked_payment.booking, Actor(ADMIN, by.id), now, kind="exception_closed", exception=found.kind)
    after = {"kind": found.kind, "closing_note": closing.closing_note, "reference": closing.reference}
    audit.record(session, by, "exception.closed", found.id, None, after, now)
    session.flush()
    return found


def _record_payout(
    session: Session,
    lines: Lines,
    locked_payment: LockedPayment | None,
    found: ManualReview,
    reference: str | None,
    by: AuditContext,
    now: datetime,
) -> None:
    """Mark a refund done that was paid manually; one in manual review is not closed without a proof."""
    if locked_payment is None or found.kind not in ABOUT_A_REFUND:
        if reference is not None:
            raise Invalid("reference", "applies only to a refund")
        return
    refund = queries.locked_refund(session, found.subject_id)
    if reference is None:
        if refund.state == RefundState.NEEDS_PERSON:
            raise Invalid("reference", "is required to prove that the refund was paid")
        return
    if not REFUND.allows(refund.state, RefundState.DONE):
        raise Invalid("reference", "applies only to a refund that is not done yet")
    refunding.mark_paid_manually(session, lines, locked_payment, refund, reference, Actor(ADMIN, by.id), now)
