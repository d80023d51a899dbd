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


def test_a_world_with_every_kind_of_booking_breaks_none_and_asking_is_one_statement(kinds):
    with kinds.play.db.reading() as session, counted() as queries:
        assert broken(session) == []
    assert len(queries.statements) == 1


@pytest.mark.parametrize("name", wiring.invariants())
def test_an_invariant_tells_of_what_breaks_it_and_no_other_does(kinds, name):
    with undone(kinds) as session:
        for statement in BREAKERS[name].split(";\n"):
            known = {f"{kind}": booking for kind, booking in kinds.ids.items() if f":{kind}" in statement}
            session.execute(text(statement), {**known, "now": NOW})
        found = broken(session)
    assert {breach.invariant for breach in found} == {name}
    assert all(breach.detail for breach in found)


def test_every_invariant_is_asked_and_has_what_breaks_it():
    assert set(BREAKERS) == set(wiring.invariants())


def test_of_each_invariant_no_more_is_told_than_is_worth_reading(kinds):
    with undone(kinds) as session:
        session.execute(text("delete from outbox"))
        missing = [breach for breach in broken(session) if breach.invariant == "what_follows_is_promised"]
    assert len(missing) == MOST


def test_the_moves_that_history_allows_are_those_of_the_table(kinds):
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
def test_the_job_tells_of_each_breach_by_its_name_and_ids(db, make, now, caplog):
    booking = make.booking()
    queries = wiring.invariants()
    assert ask(db, queries, now) == {"asked": len(queries), "broken": 0, "failed": 0}
    make.run("update bookings set pay_by = null")
    assert ask(db, queries, now) == {"asked": len(queries), "broken": 1, "failed": 0}
    [line] = [record.fields for record in caplog.records if hasattr(record, "fields") and "alarm" in record.fields]
    assert line["alarm"] == "invariant_broken"
    assert line["invariant"] == "every_unpaid_booking_has_a_deadline"
    assert line["booking_id"] == str(booking.id)


def test_one_that_cannot_be_asked_is_told_of_and_does_not_keep_the_others(db, make, now, caplog):
    make.booking()
    queries = {"no_statement": "select nothing", "ledger_balances": wiring.invariants()["ledger_balances"]}
    assert ask(db, queries, now) == {"asked": 2, "broken": 0, "failed": 1}
    assert [record.fields["invariant"] for record in caplog.records if hasattr(record, "fields")] == ["no_statement"]


def test_one_that_takes_longer_than_a_request_may_is_asked_all_the_same(database_url, now):
    """Fails when an invariant gets only the role's statement timeout: on a large database it would never finish."""
    slow = "select gen_random_uuid(), null::uuid, 'slow' from pg_sleep(0.3) where false"
    hurried = PostgresDatabase(database_url, 1, statement_timeout_ms=100)
    assert ask(hurried, {"slow": slow}, now) == {"asked": 1, "broken": 0, "failed": 0}
    hurried.dispose()
