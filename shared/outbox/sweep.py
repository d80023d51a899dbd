"""Each minute: what was promised and is not done is sent again."""

from datetime import datetime

from shared.kit.database import Database
from shared.outbox import queries
from shared.outbox.dispatch import send
from shared.outbox.queue import TaskQueue

BATCH = 200
BUDGET_SECONDS = 20.0


def sweep(db: Database, queue: TaskQueue, now: datetime) -> dict[str, int]:
    """Send overdue promises again, several sweeps at once each taking different ones.

    Returns how many it found and sent, and for how many seconds the oldest had been due.
    """
    with db.transaction() as session:
        promises = queries.overdue(session, now, BATCH)
    waited = max(((now - promise.due_at).total_seconds() for promise in promises), default=0.0)
    sent = send(queue, promises, BUDGET_SECONDS)
    return {"overdue": len(promises), "oldest_seconds": round(waited), "sent": sent}
