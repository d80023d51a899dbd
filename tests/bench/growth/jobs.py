"""The scheduled jobs of each minute and night, run in this process with nothing due."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from functions.wiring import line
from infra.phonepe.v1.client import PhonePe
from shared.appointments import deadlines, reminders
from shared.bookings import days as booking_days
from shared.bookings import expiry
from shared.idempotency import queries as idempotency
from shared.inbox import queries as inbox
from shared.kit import daily_rollup, retention
from shared.kit.clock import INDIA, local
from shared.kit.daily_rollup import Days
from shared.kit.database import Database
from shared.ledger import days as ledger_days
from shared.lines.home_chef.line import LINE
from shared.outbox import queries as outbox
from shared.outbox import sweep
from shared.payments import status_polling
from shared.payments.reconciliation import queries as reconciliation
from shared.payments.reconciliation import report
from shared.sign_in import sessions
from shared.users import days as user_days
from tests.fakes import Queue
from tests.make import always

Job = Callable[[Database, datetime], object]
ROOMS = {
    "outbox": outbox.purge,
    "inbox": inbox.purge,
    "idempotency_keys": idempotency.purge,
    "sessions": sessions.purge,
}
LEDGER = Days(ledger_days.next_day, ledger_days.sum_up)
BOOKINGS, USERS = Days(booking_days.next_day, booking_days.count), Days(user_days.next_day, user_days.count)


def jobs(gateway: PhonePe) -> dict[str, Job]:
    """Return the scheduled jobs by description."""
    return {
        "Outbox sweep": lambda db, now: sweep.sweep(db, Queue(), now),
        "Expiry of what is unpaid": lambda db, now: expiry.expire(db, line, now),
        "Deadlines of visits": lambda db, now: deadlines.enforce(db, LINE, now),
        "Reminders": lambda db, now: reminders.remind(db, LINE, now),
        "Reconciliation": lambda db, now: status_polling.reconcile(db, always(gateway), line, now),
        "The night's report": lambda db, now: report.report(db, always(gateway), now),
        "Finding what the report compares": _waiting,
        "Tidying": lambda db, now: retention.purge_all(db, ROOMS, now),
        "Summing up days": lambda db, now: [daily_rollup.sum_up(db, days, now) for days in (LEDGER, BOOKINGS, USERS)],
    }


def _waiting(db: Database, now: datetime) -> object:
    with db.reading() as session:
        return reconciliation.waiting(session, [], 10, day=local(now, INDIA).date() - timedelta(days=1))


def seconds(db: Database, job: Job, times: int) -> float:
    """Return the median seconds of `times` runs."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        job(db, datetime.now(UTC))
        took.append(time.perf_counter() - began)
    return sorted(took)[times // 2]


def settle(db: Database, gateway: PhonePe) -> None:
    """Run the due jobs, so that later runs find nothing to do."""
    for _ in range(4):
        for job in jobs(gateway).values():
            job(db, datetime.now(UTC))
