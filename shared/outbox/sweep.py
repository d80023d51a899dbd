"""Each minute: what was promised and is not done is sent again, until it has been sent often enough."""

from datetime import datetime

from shared.kit import log
from shared.kit.database import Database
from shared.outbox import queries
from shared.outbox.dispatch import send
from shared.outbox.queue import TaskQueue

BATCH = 200
BUDGET_SECONDS = 20.0
logger = log.logger(__name__)


def sweep(db: Database, queue: TaskQueue, now: datetime) -> dict[str, int]:
    """Send overdue promises again, several sweeps at once each taking different ones.

    Returns how many it found and sent, how many it found dead, and for how many seconds the oldest to send had been due.
    """
    with db.transaction() as session:
        found = queries.overdue(session, now, BATCH)
    for promise in found.dead:
        told = log.fields(alarm="dead_task", kind=promise.kind, id=str(promise.id))
        logger.error("a task is dead, an admin can send it again", extra=told)
    waited = max(((now - promise.due_at).total_seconds() for promise in found.waiting), default=0.0)
    sent = send(queue, found.waiting, BUDGET_SECONDS)
    return {
        "overdue": len(found.waiting),
        "dead": len(found.dead),
        "oldest_seconds": round(waited),
        "sent": sent,
    }
