"""Each invariant detects only the rows that break it; the real use cases break none."""

from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from functions import wiring
from infra.postgres.engine import PostgresDatabase
from shared.bookings.lifecycle import BOOKING
from shared.invariants.run import MOST, ask, breaches
from tests.database.breakers import BREAKERS
from tests.kinds import Kinds
from tests.play import Play
from tests.postgres_server import shared_postgres
from tests.round_trips import counted

NOW = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def kinds(template):
    database = PostgresDatabase(shared_postgres().new_database(template))
    yield Kinds(Play(database, NOW))
    database.dispose()


@contextmanager
def undone(kinds):
    """Yield a session without the database's own constraints, rolled back at the end."""
    with kinds.play.db.transaction() as session:
        for table in ("ledger_transactions", "ledger_postings", "refunds"):
            session.execute(text(f"alter table {table} disable trigger user"))
        yield session
        session.rollback()


def broken(session):
    return breaches(session, wiring.invariants(), NOW)


def test_valid_world_breaks_no_invariant_in_one_statement(kinds):
    with kinds.play.db.reading() as session, counted() as queries:
        assert broken(session) == []
    assert len(queries.statements) == 1


@pytest.mark.parametrize("name", wiring.invariants())
def test_breaker_is_found_by_its_invariant_only(kinds, name):
    with undone(kinds) as session:
        for statement in BREAKERS[name].split(";\n"):
            known = {f"{kind}": booking for kind, booking in kinds.ids.items() if f":{kind}" in statement}
            session.execute(text(statement), {**known, "now": NOW})
        found = broken(session)
    assert {breach.invariant for breach in found} == {name}
    assert all(breach.detail for breach in found)


def test_every_invariant_has_a_breaker():
    assert set(BREAKERS) == set(wiring.invariants())


def test_invariant_reports_are_limited(kinds):
    with undone(kinds) as session:
        session.execute(text("delete from outbox"))
        missing = [breach for breach in broken(session) if breach.invariant == "what_follows_is_promised"]
    assert len(missing) == MOST


def test_history_invariant_equals_status_table(kinds):
    """Every pair of statuses is tried: the history's invariant reports exactly those the lifecycle refuses."""
    moves = {"history_tells_every_change": wiring.invariants()["history_tells_every_change"]}
    for one, allowed in BOOKING.moves.items():
        for other in BOOKING.moves:
            with undone(kinds) as session:
                walked = {"id": kinds.ids["twin"], "one": one, "other": other}
                session.execute(text("delete from booking_events where booking_id = :id"), walked)
                for came_from, to in ((None, one), (one, other)):
                    session.execute(
                        text("""insert into booking_events (booking_id, at, actor, kind, from_status, to_status)
                        values (:id, now(), 'system', 'walked', :came_from, :to)"""),
                        {"id": kinds.ids["twin"], "came_from": came_from, "to": to},
                    )
                session.execute(text("alter table bookings drop constraint ck_bookings_home_chef_at_rest"))
                session.execute(text("update bookings set status = :other where id = :id"), walked)
                found = [
                    breach for breach in breaches(session, moves, NOW) if f"from {one} to {other}" in breach.detail
                ]
            assert (found == []) == (other in allowed), (one, other)


@pytest.mark.breaks_invariants("so that the job has something to tell")
def test_job_logs_each_breach_with_name_and_ids(db, make, now, caplog):
    booking = make.booking()
    queries = wiring.invariants()
    assert ask(db, queries, now) == {"asked": len(queries), "broken": 0, "failed": 0}
    make.run("update bookings set pay_by = null")
    assert ask(db, queries, now) == {"asked": len(queries), "broken": 1, "failed": 0}
    [line] = [record.fields for record in caplog.records if hasattr(record, "fields") and "alarm" in record.fields]
    assert line["alarm"] == "invariant_broken"
    assert line["invariant"] == "every_unpaid_booking_has_a_deadline"
    assert line["booking_id"] == str(booking.id)


def test_failing_invariant_is_logged_and_others_run(db, make, now, caplog):
    make.booking()
    queries = {"no_statement": "select nothing", "ledger_balances": wiring.invariants()["ledger_balances"]}
    assert ask(db, queries, now) == {"asked": 2, "broken": 0, "failed": 1}
    assert [record.fields["invariant"] for record in caplog.records if hasattr(record, "fields")] == ["no_statement"]


def test_slow_invariant_exceeds_request_timeout(database_url, now):
    """Fails when an invariant gets only the role's statement timeout: on a large database it would never finish."""
    slow = "select gen_random_uuid(), null::uuid, 'slow' from pg_sleep(0.3) where false"
    impatient_database = PostgresDatabase(database_url, 1, statement_timeout_ms=100)
    assert ask(impatient_database, {"slow": slow}, now) == {"asked": 1, "broken": 0, "failed": 0}
    impatient_database.dispose()
