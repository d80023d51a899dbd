"""The function of each job as `module:function`, imported when called. It returns counts of its work for the log."""

from collections.abc import Callable
from datetime import datetime
from typing import cast

from shared.kit.lazy_import import load_object

Job = Callable[[datetime], dict[str, int]]

JOBS = {
    "sweep": "functions.schedule.outbox:sweep",
    "expire": "functions.schedule.bookings:expire",
    "deadlines": "functions.schedule.bookings:deadlines",
    "remind": "functions.schedule.bookings:remind",
    "reconcile": "functions.schedule.payments:reconcile",
    "report": "functions.schedule.payments:report",
    "purge": "functions.schedule.maintenance:purge",
    "days": "functions.schedule.maintenance:days",
    "invariants": "functions.schedule.maintenance:invariants",
}


def job(name: str) -> Job:
    """Return the job of this name. Raises KeyError for an unknown name."""
    return cast("Job", load_object(JOBS[name]))
