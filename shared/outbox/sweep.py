"""The sweep: each minute, send overdue outbox messages again, until they are done or dead."""

from datetime import datetime
from time import monotonic

from shared.kit import log
from shared.kit.database import Database
from shared.outbox import queries
from shared.outbox.dispatch import send
from shared.outbox.queries import Overdue
from shared.outbox.queue import TaskQueue

BATCH = 20  # few: a message claimed but not sent (queue down, time up) has lost one of its sends
BUDGET_SECONDS = 20.0
logger = log.logger(__name__)


def sweep(db: Database, queue: TaskQueue, now: datetime) -> dict[str, int]:
    """Send overdue messages again, in batches; concurrent sweeps claim different messages.

    Ends when none is left, when the queue does not respond, or after BUDGET_SECONDS. Returns the counts of messages
    found, sent and dead, and for how many seconds the oldest of them had been due.
    """
    counts, until = {"overdue": 0, "dead": 0, "oldest_seconds": 0, "sent": 0}, monotonic() + BUDGET_SECONDS
    while (left := until - monotonic()) > 0:
        found = _claim(db, now)
        waited = [round((now - message.due_at).total_seconds()) for message in found.waiting]
        sent = send(queue, found.waiting, left)
        counts["overdue"] += len(found.waiting)
        counts["dead"] += len(found.dead)
        counts["oldest_seconds"] = max(counts["oldest_seconds"], *waited, 0)
        counts["sent"] += sent
        if sent < len(found.waiting) or len(found.waiting) + len(found.dead) < BATCH:
            break
    return counts


def _claim(db: Database, now: datetime) -> Overdue:
    with db.transaction() as session:
        found = queries.overdue(session, now, BATCH)
    for message in found.dead:
        fields = log.fields(alarm="dead_task", kind=message.kind, id=str(message.id))
        logger.error("a task is dead, an admin can send it again", extra=fields)
    return found
