"""Apply an admin's decision to a row of the report, if the row allows it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from shared.audit import queries as audit
from shared.audit.context import AuditContext
from shared.bookings.history import Actor, close_reviews, note
from shared.kit.errors import Invalid, NotFound
from shared.ledger import postings
from shared.ledger import queries as ledger
from shared.outbox import queries as outbox
from shared.payments.exception_resolution import AlreadyClosed
from shared.payments.poll_queue import POLL
from shared.payments.queries import locked
from shared.payments.reconciliation import queries
from shared.payments.reconciliation.comparison import Action, actions
from shared.payments.reconciliation.models import DIFFERS, ReconciliationRow
from shared.payments.reconciliation.schemas import RowAction
from shared.users.models import ADMIN

COMPARE = "payments.compare"
SETTLED_BY = timedelta(minutes=1)  # delay before a settled row is compared again


class RowNotFound(NotFound):
    code = "reconciliation_row_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such row.")


@dataclass(frozen=True)
class _Decision:
    """An admin's decision about a row; the row and its booking, if any, are locked."""

    session: Session
    row: ReconciliationRow
    by: AuditContext
    now: datetime
    note: str | None


def act(session: Session, row_id: UUID, request: RowAction, by: AuditContext, now: datetime) -> ReconciliationRow:
    """Apply an allowed action to a row: settle, compare again, book a fee or close.

    The gateway is polled by a message, not here. Raises RowNotFound, AlreadyClosed, and Invalid for an action the
    row does not allow and for closing without a note.
    """
    found = queries.row(session, row_id)
    if found is None:
        raise RowNotFound
    locked_payment = locked(session, found.booking_id) if found.booking_id else None
    found = queries.locked_row(session, row_id)
    _refuse(found, request)
    ACTS[request.action](_Decision(session, found, by, now, request.note))
    facts = {"action": request.action.value, "our_id": found.our_id, "outcome": found.outcome, "note": request.note}
    if locked_payment is not None:
        note(session, locked_payment.booking, Actor(ADMIN, by.id), now, kind="reconciliation_decided", **facts)
    audit.record(session, by, "reconciliation.decided", found.id, None, facts, now)
    session.flush()
    return found


def _refuse(row: ReconciliationRow, request: RowAction) -> None:
    if row.closed_at is not None:
        raise AlreadyClosed("This row is closed already.", closed_at=row.closed_at.isoformat())
    allowed = actions(row.outcome, row.ours["state"] if row.ours else None, closed=False)
    if request.action not in allowed:
        raise Invalid("action", f"must be one of the row's allowed actions: {', '.join(allowed) or 'none'}")
    if request.action is Action.CLOSE and request.note is None:
        raise Invalid("note", "is required to close a row")


def _settle(decision: _Decision) -> None:
    row = decision.row
    about = {"refund_id": str(row.refund_id)} if row.refund_id else {"attempt_id": str(row.attempt_id)}
    outbox.enqueue(decision.session, POLL, {**about, "force": True}, decision.now)
    _compare_again(decision, due_at=decision.now + SETTLED_BY)


def _compare_again(decision: _Decision, due_at: datetime | None = None) -> None:
    outbox.enqueue(decision.session, COMPARE, {"row_id": str(decision.row.id)}, decision.now, due_at)


def _book_fee(decision: _Decision) -> None:
    """Post the difference between the booked fee and the gateway's as a new ledger entry, with the row as its source."""
    row, session = decision.row, decision.session
    ours = queries.of_row(session, row.id).ours
    missing = row.theirs["fee"] - (ours.fee if ours else 0)
    if missing and row.booking_id:
        lines = postings.gateway_fee(missing)
        ledger.post(session, postings.Kind.GATEWAY_FEE, row.id, row.booking_id, lines, at=decision.now)
    _close(decision)


def _close(decision: _Decision) -> None:
    row, by = decision.row, decision.by
    row.closed_at, row.closed_by, row.note = decision.now, by.id, decision.note
    reason = decision.note or "The row was closed."
    close_reviews(decision.session, DIFFERS, row.id, Actor(ADMIN, by.id), reason, decision.now)


ACTS: dict[Action, Callable[[_Decision], None]] = {
    Action.SETTLE: _settle,
    Action.COMPARE_AGAIN: _compare_again,
    Action.BOOK_FEE: _book_fee,
    Action.CLOSE: _close,
}
