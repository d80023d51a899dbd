"""The jobs by name; each returns what it did, for the log."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

from functions import wiring
from shared.bookings import days as bookings
from shared.bookings import expiry
from shared.idempotency import queries as idempotency
from shared.inbox import queries as inbox
from shared.invariants import run
from shared.kit import nightly, retention
from shared.kit.nightly import Days
from shared.ledger import days as ledger
from shared.outbox import queries as outbox
from shared.outbox import sweep as outbox_sweep
from shared.payments import following
from shared.payments import queries as payments
from shared.payments.reconciliation import report as reconciliation
from shared.sign_in import sessions
from shared.users import days as users


def sweep(now: datetime) -> dict[str, int]:
    """Send again what was promised and is not done; what was sent often enough is dead."""
    return outbox_sweep.sweep(wiring.database(), wiring.queue(), now)


def expire(now: datetime) -> dict[str, int]:
    """Cancel what was not paid in time."""
    return expiry.expire(wiring.database(), wiring.line, now)


def deadlines(now: datetime) -> dict[str, int]:
    """Let each line do what time asks for: offers lapse, nobody comes, nothing starts, nobody says that it is over."""
    done: dict[str, int] = {}
    for name in wiring.LINES:
        done |= {
            f"{name}.{rule}": met for rule, met in wiring.line(name).keep_deadlines(wiring.database(), now).items()
        }
    return done


def reconcile(now: datetime) -> dict[str, int]:
    """Ask the gateway about every payment and refund that has not ended and whose task did not come."""
    done = following.reconcile(wiring.database(), wiring.gateway_named, wiring.line, now)
    following.keep(wiring.database(), done, now)
    return asdict(done)


def report(now: datetime) -> dict[str, int]:
    """Hold the days up to yesterday against what the gateways say, and keep how each payment and refund came out."""
    return reconciliation.report(wiring.database(), wiring.gateway_named, now)


def remind(now: datetime) -> dict[str, int]:
    """Tell people of what begins soon, line by line."""
    done = Counter[str]()
    for name in wiring.LINES:
        done.update(wiring.line(name).remind(wiring.database(), now))
    return dict(done)


def tidy(now: datetime) -> dict[str, int]:
    """Delete what need not be kept any longer, room by room."""
    rooms = {
        "outbox": outbox.forget,
        "inbox": inbox.forget,
        "idempotency_keys": idempotency.forget,
        "sessions": sessions.forget,
        "reconciliation_runs": payments.forget,
    }
    return retention.tidy(wiring.database(), rooms | {name: wiring.line(name).tidy for name in wiring.LINES}, now)


def days(now: datetime) -> dict[str, int]:
    """Sum up the days that are over, so that what is asked of all time need not read all of it."""
    rooms = {
        "ledger": Days(ledger.next_day, ledger.sum_up),
        "bookings": Days(bookings.next_day, bookings.count),
        "users": Days(users.next_day, users.count),
    }
    return {name: nightly.sum_up(wiring.database(), room, now) for name, room in rooms.items()}


def invariants(now: datetime) -> dict[str, int]:
    """Ask whether the rows are what they must be between any two commits; each that is not is a defect, and told."""
    return run.ask(wiring.database(), wiring.invariants(), now)


JOBS: dict[str, Callable[[datetime], dict[str, int]]] = {
    "sweep": sweep,
    "expire": expire,
    "deadlines": deadlines,
    "reconcile": reconcile,
    "remind": remind,
    "tidy": tidy,
    "report": report,
    "days": days,
    "invariants": invariants,
}
