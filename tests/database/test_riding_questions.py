"""A question that rides with a session's first statement: no round trip of its own, and nothing passes it by."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from infra.postgres.engine import PostgresDatabase
from shared.kit.database import DatabaseUnavailable, Question
from shared.kit.errors import NotFound, Unauthorized
from tests.postgres_server import at_port, shared_postgres
from tests.round_trips import CountingProxy, counted
from tests.waiting import until

WHO = text("select name from guest where name = :name")
LOCK = text("select name from guest where name = :name for no key update")
SUM = text("select sum(amount) from bill where amount > :least")
ADD = text("insert into bill values (:amount)")


class Stranger(Unauthorized):
    code, title = "stranger", "Nobody we know"

    def __init__(self) -> None:
        super().__init__("?")


def asking(name: str, statement: Any = WHO) -> Question:
    def hear(rows: Any) -> None:
        if not rows:
            raise Stranger

    return Question(statement, {"name": name}, hear)


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


def test_it_costs_no_round_trip_the_third_time_as_the_first(db: PostgresDatabase, proxy: CountingProxy) -> None:
    costs = []
    for _ in range(3):
        with counted(proxy) as seen, db.reading(asking("asha")) as session:
            assert session.execute(SUM, {"least": 0}).scalar_one() == 5
        costs.append(seen.round_trips)
        with counted(proxy) as seen, db.transaction(asking("asha", LOCK)) as session:
            session.execute(text("update bill set amount = :amount"), {"amount": 5})
        costs.append(seen.round_trips)
    assert costs == [1, 2] * 3


def test_who_is_refused_is_answered_nothing_and_writes_nothing(db: PostgresDatabase) -> None:
    answers = []
    with pytest.raises(Stranger), db.reading(asking("eve")) as session:
        answers += session.execute(SUM, {"least": 0}).all()
    with pytest.raises(Stranger), db.transaction(asking("eve", LOCK)) as session:
        answers += session.execute(ADD, {"amount": 7})
    assert answers == []
    assert bills(db) == [5]


@pytest.mark.parametrize("statement", ["select 1", "select amount from bill"])
def test_it_is_asked_before_a_statement_without_values_too(db: PostgresDatabase, statement: str) -> None:
    answers = []
    with pytest.raises(Stranger), db.transaction(asking("eve")) as session:
        answers += session.execute(text(statement)).all()
    assert answers == []


def test_it_is_asked_where_nothing_else_is(db: PostgresDatabase) -> None:
    """Fails where a block without a statement ends without it."""
    for opened in (db.reading, db.transaction):
        with pytest.raises(Stranger), opened(asking("eve")):
            pass


def test_it_comes_before_any_other_refusal(db: PostgresDatabase) -> None:
    with pytest.raises(Stranger), db.reading(asking("eve")):
        raise NotFound("something")
    with pytest.raises(NotFound), db.reading(asking("asha")):
        raise NotFound("something")


def test_it_is_never_asked_of_the_next_who_is_given_the_connection(db: PostgresDatabase) -> None:
    with suppress(Stranger), db.reading(asking("eve")):
        raise NotFound("something")
    assert bills(db) == [5]


def test_a_statement_sees_what_was_committed_while_its_question_waited_for_a_lock(
    db: PostgresDatabase, url: str
) -> None:
    """Fails where the two are one statement, which sees the database as it was before it waited."""
    other, found = PostgresDatabase(url, 2), []

    def wait_and_read() -> None:
        with db.transaction(asking("asha", LOCK)) as session:
            found.append(session.execute(SUM, {"least": 0}).scalar_one())

    reader = threading.Thread(target=wait_and_read)
    with other.transaction() as session:
        session.execute(LOCK, {"name": "asha"})
        reader.start()
        with other.reading() as watching:
            until(lambda: watching.scalar(text("select count(*) from pg_locks where not granted")) == 1)
        session.execute(ADD, {"amount": 7})
    reader.join(5)
    other.dispose()
    assert found == [12]


def test_a_connection_that_was_lost_is_made_anew_and_both_are_asked_on_it(
    db: PostgresDatabase, proxy: CountingProxy
) -> None:
    for _ in range(3):
        with db.reading(asking("asha")) as session:
            session.execute(SUM, {"least": 0})
    proxy.cut()
    with db.reading(asking("asha")) as session:
        assert session.execute(SUM, {"least": 0}).scalar_one() == 5
    proxy.cut()
    with pytest.raises(Stranger), db.reading(asking("eve")) as session:
        session.execute(SUM, {"least": 0})
    proxy.refuse()
    proxy.cut()
    with pytest.raises(DatabaseUnavailable), db.reading(asking("asha")) as session:
        session.execute(SUM, {"least": 0})
