"""A piggyback runs before a session's first statement, in the same round trip, and may refuse its result."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from infra.postgres.engine import PostgresDatabase
from shared.kit.database import DatabaseUnavailable, Piggyback
from shared.kit.errors import NotFound, Unauthorized
from tests.postgres_server import at_port, shared_postgres
from tests.round_trips import CountingProxy, counted
from tests.waiting import until

READ = text("select name from guest where name = :name")
LOCK = text("select name from guest where name = :name for no key update")
SUM = text("select sum(amount) from bill where amount > :least")
ADD = text("insert into bill values (:amount)")


class UnknownGuest(Unauthorized):
    code, title = "unknown_guest", "Unknown guest"

    def __init__(self) -> None:
        super().__init__("?")


def guest(name: str, statement: Any = READ) -> Piggyback:
    def on_rows(rows: Any) -> None:
        if not rows:
            raise UnknownGuest

    return Piggyback(statement, {"name": name}, on_rows)


@pytest.fixture(scope="module")
def url() -> str:
    return shared_postgres().new_database()


@pytest.fixture
def proxy(url: str) -> Iterator[CountingProxy]:
    with CountingProxy("127.0.0.1", make_url(url).port or 0) as proxy:
        yield proxy


@pytest.fixture
def db(url: str, proxy: CountingProxy) -> Iterator[PostgresDatabase]:
    db = PostgresDatabase(at_port(url, proxy.url_port), 1)
    with db.transaction() as session:
        session.execute(text("drop table if exists guest, bill"))
        session.execute(text("create table guest (name text); create table bill (amount int)"))
        session.execute(text("insert into guest values ('asha'); insert into bill values (5)"))
    yield db
    db.dispose()


def bills(db: PostgresDatabase) -> list[int]:
    with db.reading() as session:
        return list(session.scalars(text("select amount from bill order by 1")))


@pytest.mark.parametrize("prepared", [False, True], ids=["unprepared", "prepared"])
def test_a_piggyback_costs_no_round_trip_on_any_use(db: PostgresDatabase, proxy: CountingProxy, prepared: bool) -> None:
    costs = []
    for _ in range(3):
        with counted(proxy) as seen, db.reading(guest("asha"), prepared=prepared) as session:
            assert session.execute(SUM, {"least": 0}).scalar_one() == 5
        costs.append(seen.round_trips)
        with counted(proxy) as seen, db.transaction(guest("asha", LOCK), prepared=prepared) as session:
            session.execute(text("update bill set amount = :amount"), {"amount": 5})
        costs.append(seen.round_trips)
    assert costs == [1, 2] * 3


def test_a_refused_session_returns_no_rows_and_writes_nothing(db: PostgresDatabase) -> None:
    rows = []
    with pytest.raises(UnknownGuest), db.reading(guest("eve")) as session:
        rows += session.execute(SUM, {"least": 0}).all()
    with pytest.raises(UnknownGuest), db.transaction(guest("eve", LOCK)) as session:
        rows += session.execute(ADD, {"amount": 7})
    assert rows == []
    assert bills(db) == [5]


@pytest.mark.parametrize("statement", ["select 1", "select amount from bill"])
def test_it_runs_before_a_statement_without_parameters(db: PostgresDatabase, statement: str) -> None:
    rows = []
    with pytest.raises(UnknownGuest), db.transaction(guest("eve")) as session:
        rows += session.execute(text(statement)).all()
    assert rows == []


def test_it_runs_in_a_block_without_a_statement(db: PostgresDatabase) -> None:
    """Fails when such a block ends without its piggyback."""
    for opened in (db.reading, db.transaction):
        with pytest.raises(UnknownGuest), opened(guest("eve")):
            pass


def test_its_refusal_replaces_the_error_of_the_block(db: PostgresDatabase) -> None:
    with pytest.raises(UnknownGuest), db.reading(guest("eve")):
        raise NotFound("something")
    with pytest.raises(NotFound), db.reading(guest("asha")):
        raise NotFound("something")


def test_it_never_runs_for_the_connections_next_session(db: PostgresDatabase) -> None:
    with suppress(UnknownGuest), db.reading(guest("eve")):
        raise NotFound("something")
    assert bills(db) == [5]


def test_a_statement_sees_commits_from_its_piggybacks_lock_wait(db: PostgresDatabase, url: str) -> None:
    """Fails when both are one statement: its snapshot would be older than the wait."""
    other, sums = PostgresDatabase(url, 2), []

    def wait_and_read() -> None:
        with db.transaction(guest("asha", LOCK)) as session:
            sums.append(session.execute(SUM, {"least": 0}).scalar_one())

    reader = threading.Thread(target=wait_and_read)
    with other.transaction() as session:
        session.execute(LOCK, {"name": "asha"})
        reader.start()
        with other.reading() as watching:
            until(lambda: watching.scalar(text("select count(*) from pg_locks where not granted")) == 1)
        session.execute(ADD, {"amount": 7})
    reader.join(5)
    other.dispose()
    assert sums == [12]


def test_both_statements_run_again_after_a_reconnect(db: PostgresDatabase, proxy: CountingProxy) -> None:
    for _ in range(3):
        with db.reading(guest("asha"), prepared=True) as session:
            session.execute(SUM, {"least": 0})
    proxy.cut()
    with db.reading(guest("asha"), prepared=True) as session:
        assert session.execute(SUM, {"least": 0}).scalar_one() == 5
    proxy.cut()
    with pytest.raises(UnknownGuest), db.reading(guest("eve"), prepared=True) as session:
        session.execute(SUM, {"least": 0})
    proxy.refuse()
    proxy.cut()
    with pytest.raises(DatabaseUnavailable), db.reading(guest("asha"), prepared=True) as session:
        session.execute(SUM, {"least": 0})
