"""Query plans logged by the server (auto_explain), with the rows each scan read."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from tests.postgres_server import plain_connection

PLAN_SETTINGS = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_nested_statements": "on",  # triggers and foreign keys too
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "notice",
}


@dataclass(frozen=True)
class Read:
    """One scan of a table in a plan: its kind and the rows it read."""

    table: str
    by: str
    rows: int
    statement: str


@dataclass
class Planned:
    """The scans of every executed statement."""

    reads: list[Read] = field(default_factory=list)

    def note(self, notice: dict[bytes, bytes]) -> None:
        _, marked, plan = notice[b"M"].decode().partition("plan:\n")
        if marked:
            logged = json.loads(plan)
            self.reads += _reads(logged["Plan"], logged["Query Text"])


def _reads(node: dict[str, Any], statement: str) -> Iterator[Read]:
    if "Relation Name" in node and node.get("Actual Loops"):
        looked_at = sum(node.get(name, 0) for name in ("Actual Rows", *REMOVED)) * node["Actual Loops"]
        by = " ".join(filter(None, (node["Node Type"], node.get("Index Name") or _bitmaps(node))))
        yield Read(node["Relation Name"], by, round(looked_at), statement)
    for part in node.get("Plans", []):
        yield from _reads(part, statement)


REMOVED = ("Rows Removed by Filter", "Rows Removed by Index Recheck")


def _bitmaps(node: dict[str, Any]) -> str:
    names = [part.get("Index Name") or _bitmaps(part) for part in node.get("Plans", [])]
    return "+".join(names) if node["Node Type"].startswith("Bitmap") else ""


def log_plans(superuser: str, **more: str) -> None:
    """Log every statement's plan as a notice on the database's new connections."""
    with closing(plain_connection(superuser)) as connection:
        [[name]] = connection.run("select current_database()")
        for setting, value in {**PLAN_SETTINGS, **more}.items():
            connection.run(f"alter database {name} set {setting} = '{value}'")


@contextmanager
def planned() -> Iterator[Planned]:
    """Collect the plans of SQLAlchemy's statements in the block, on a database with plan logging."""
    seen, known = Planned(), set[int]()

    def forget(connection: Any, *_rest: Any) -> None:
        driver = connection.connection.driver_connection
        if id(driver) not in known:
            known.add(id(driver))
            driver.notices.clear()  # plans from before the block

    def note(connection: Any, *_rest: Any) -> None:
        notices = connection.connection.driver_connection.notices
        while notices:
            seen.note(notices.popleft())

    event.listen(Engine, "before_cursor_execute", forget)
    event.listen(Engine, "after_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", forget)
        event.remove(Engine, "after_cursor_execute", note)


# Tables that grow with bookings and their customers: no request or job may scan them whole.
GROWS = {
    "addresses",
    "audit_log",
    "booking_events",
    "bookings",
    "exceptions",
    "home_chef_quotes",
    "ratings",
    "appointments",
    "idempotency_keys",
    "inbox",
    "invoices",
    "ledger_postings",
    "ledger_transactions",
    "notifications",
    "offers",
    "outbox",
    "payment_attempts",
    "payments",
    "reconciliation_rows",
    "refunds",
    "sessions",
    "users",
}
# Tables that grow with the chefs, places or days, or not at all.
STAYS_SMALL = {
    "booking_days",
    "provider_availability",
    "provider_days_off",
    "providers",
    "home_chef_tariffs",
    "invoice_series",
    "ledger_accounts",
    "ledger_days",
    "locations",
    "reconciliation_days",
    "reconciliation_runs",
    "service_areas",
    "user_days",
}
