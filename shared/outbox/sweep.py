"""Each minute: what was promised and is not done is sent again."""

from datetime import datetime

from shared.kit.database import Database
from shared.outbox import queries
from shared.outbox.dispatch import send
from shared.outbox.queue import TaskQueue

BATCH = 200
BUDGET_SECONDS = 20.0


def sweep(db: Database, queue: TaskQueue, now: datetime) -> dict[str, int]:
    """Send overdue promises again, several sweeps at once each taking different ones; returns what it found and sent."""
    with db.transaction() as session:
        promises = queries.overdue(session, now, BATCH)
    return {"overdue": len(promises), "sent": send(queue, promises, BUDGET_SECONDS)}
