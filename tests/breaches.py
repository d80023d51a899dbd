"""Invariant breaches in a test's database."""

from datetime import datetime

from sqlalchemy import text

from functions.wiring import invariants
from infra.postgres.engine import PostgresDatabase
from shared.invariants.run import Breach, breaches

ANYTHING_BOOKED = text("select exists (select from bookings)")


def find_breaches(database: PostgresDatabase, now: datetime) -> list[Breach]:
    """Return the breaches of all invariants; none where nothing was booked."""
    with database.reading() as session:
        return breaches(session, invariants(), now) if session.scalar(ANYTHING_BOOKED) else []
