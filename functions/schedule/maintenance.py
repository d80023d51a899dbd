"""Maintenance of the database: retention, daily rollups and invariants."""

from datetime import datetime

from functions import wiring
from shared.bookings import days as bookings
from shared.idempotency import queries as idempotency
from shared.inbox import queries as inbox
from shared.invariants import run
from shared.kit import daily_rollup, retention
from shared.kit.daily_rollup import Days
from shared.kit.each import run_each
from shared.ledger import days as ledger
from shared.outbox import queries as outbox
from shared.payments import queries as payments
from shared.sign_in import sessions
from shared.users import days as users


def purge(now: datetime) -> dict[str, int]:
    """Delete rows whose retention has expired, table by table."""
    purges = {
        "outbox": outbox.purge,
        "inbox": inbox.purge,
        "idempotency_keys": idempotency.purge,
        "sessions": sessions.purge,
        "reconciliation_runs": payments.purge,
    }
    return retention.purge_all(
        wiring.database(), purges | {name: wiring.line(name).purge for name in wiring.line_names()}, now
    )


def days(now: datetime) -> dict[str, int]:
    """Roll up completed days, so that all-time totals read one row per day."""
    rollups = {
        "ledger": Days(ledger.next_day, ledger.sum_up),
        "bookings": Days(bookings.next_day, bookings.count),
        "users": Days(users.next_day, users.count),
    }
    return run_each(rollups, lambda name: daily_rollup.sum_up(wiring.database(), rollups[name], now))


def invariants(now: datetime) -> dict[str, int]:
    """Check the invariants of all rows; each violation is a defect and raises an alarm."""
    return run.check(wiring.slow_query_database(), wiring.invariants(), now)
