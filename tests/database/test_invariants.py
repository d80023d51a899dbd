"""Each invariant finds the row that breaks it and no other row; rows written by the real use cases break none."""

from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from functions import wiring
from infra.postgres.engine import PostgresDatabase
from shared.bookings.lifecycle import BOOKING
from shared.invariants.run import MOST, breaches, check
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
    """Open a transaction without the database's triggers on the ledger and refunds, rolled back at the end."""
    with kinds.play.db.transaction() as session:
        for table in ("ledger_transactions", "ledger_postings", "refunds"):
            session.execute(text(f"alter table {table} disable trigger user"))
        yield session
        session.rollback()


def broken(session):
    return breaches(session, wiring.invariants(), NOW)


def test_bookings_of_every_kind_break_none_in_one_statement(kinds):
    with kinds.play.db.reading() as session, counted() as trips:
        assert broken(session) == []
    assert len(trips.statements) == 1


@pytest.mark.parametrize("name", wiring.invariants())
def test_a_breaking_row_is_found_by_its_invariant_alone(kinds, name):
    with undone(kinds) as session:
        for statement in BREAKERS[name].split(";\n"):
            known = {f"{kind}": booking for kind, booking in kinds.ids.items() if f":{kind}" in statement}
            session.execute(text(statement), {**known, "now": NOW})
        found = broken(session)
    assert {breach.invariant for breach in found} == {name}
    assert all(breach.detail for breach in found)


def test_every_invariant_has_statements_that_break_it():
    assert set(BREAKERS) == set(wiring.invariants())


def test_breaches_per_invariant_are_limited(kinds):
    with undone(kinds) as session:
        session.execute(text("delete from outbox"))
        name = "notifications_and_refunds_are_enqueued_once"
        found = [breach for breach in broken(session) if breach.invariant == name]
    assert len(found) == MOST


def test_the_history_invariant_allows_the_lifecycles_moves(kinds):
    """The history's invariant finds exactly those pairs of statuses that the lifecycle's table refuses."""
    moves = {"history_records_every_status_change": wiring.invariants()["history_records_every_status_change"]}
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
                found = breaches(session, moves, NOW)
                refused = [breach for breach in found if f"from {one} to {other}" in breach.detail]
            assert (refused == []) == (other in allowed), (one, other)


@pytest.mark.breaks_invariants("so that the job has a breach to log")
def test_each_breach_raises_an_alarm_with_its_name_and_ids(db, make, now, caplog):
    booking = make.booking()
    invariants = wiring.invariants()
    assert check(db, invariants, now) == {"asked": len(invariants), "broken": 0, "failed": 0}
    make.run("update bookings set pay_by = null")
    assert check(db, invariants, now) == {"asked": len(invariants), "broken": 1, "failed": 0}
    [line] = [record.fields for record in caplog.records if hasattr(record, "fields") and "alarm" in record.fields]
    assert line["alarm"] == "invariant_broken"
    assert line["invariant"] == "every_unpaid_booking_has_a_deadline"
    assert line["booking_id"] == str(booking.id)


def test_a_failed_check_is_logged_and_the_others_still_run(db, make, now, caplog):
    make.booking()
    two = {"no_statement": "select nothing", "ledger_balances": wiring.invariants()["ledger_balances"]}
    assert check(db, two, now) == {"asked": 2, "broken": 0, "failed": 1}
    assert [record.fields["invariant"] for record in caplog.records if hasattr(record, "fields")] == ["no_statement"]


def test_a_check_may_take_longer_than_a_request_may(database_url, now):
    """Fails if the role's statement timeout applies to checks: on a large database each check would be cancelled."""
    slow = "select gen_random_uuid(), null::uuid, 'slow' from pg_sleep(0.3) where false"
    hurried = PostgresDatabase(database_url, 1, statement_timeout_ms=100)
    assert check(hurried, {"slow": slow}, now) == {"asked": 1, "broken": 0, "failed": 0}
    hurried.dispose()
