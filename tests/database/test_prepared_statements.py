"""Server-side prepared statements: from a statement's second use until the server loses it."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from pg8000.legacy import Error
from sqlalchemy import text

from infra.postgres.address import arguments
from infra.postgres.connection import Connection
from infra.postgres.engine import PostgresDatabase
from infra.postgres.errors import refusal
from shared.kit.database import Piggyback, TransactionConflict
from tests.postgres_server import plain_connection, shared_postgres

ALL = "select * from dish where price > %s order by name"
PIGGYBACK = Piggyback(text("select 'piggyback'"), {}, lambda _: None)


@pytest.fixture(scope="module")
def url() -> str:
    return shared_postgres().new_database()


@pytest.fixture
def connection(url: str) -> Iterator[Any]:
    migrate(url, "drop table if exists dish; create table dish (name text primary key, price int)")
    migrate(url, "insert into dish values ('dosa', 90), ('idli', 60)")
    with closing(Connection(**arguments(url))) as connection:
        yield connection


@pytest.fixture
def database(url: str) -> Iterator[PostgresDatabase]:
    database = PostgresDatabase(url, 1)
    yield database
    database.dispose()


def migrate(url: str, statements: str) -> None:
    with closing(plain_connection(url)) as connection:
        for statement in statements.split(";"):
            connection.run(statement)


def run(connection: Any, statement: str, *values: Any) -> Any:
    cursor = connection.cursor()
    cursor.execute(statement, values)
    return [column[0] for column in cursor.description], list(cursor.fetchall())


def prepared(connection: Any) -> list[str]:
    cursor = connection.cursor()
    cursor.execute("select statement from pg_prepared_statements order by prepare_time")
    return [row[0] for row in cursor.fetchall()]


def prepared_by(database: PostgresDatabase) -> str:
    with database.reading() as session:
        return "; ".join(session.scalars(text("select statement from pg_prepared_statements")))


def test_second_use_prepares_and_returns_same_rows(connection):
    results, counts = [], []
    for _ in range(3):
        results.append(run(connection, ALL, 50))
        counts.append(len(prepared(connection)))
        connection.commit()
    assert results == [(["name", "price"], [["dosa", 90], ["idli", 60]])] * 3
    assert counts == [0, 1, 1]
    assert run(connection, ALL, 70)[1] == [["dosa", 90]]


def test_error_while_preparing_keeps_name_usable(connection):
    insert = "insert into dish values (%s, %s) returning name"
    for name, is_new in (("vada", True), ("vada", False), ("puri", True), ("poha", True)):
        try:
            run(connection, insert, name, 10)
            connection.commit()
        except Error:
            assert not is_new
            connection.rollback()
    assert len(prepared(connection)) == 1


@pytest.mark.parametrize("autocommit", [True, False], ids=["autocommit", "first of a transaction"])
@pytest.mark.parametrize(
    ("loss", "columns"),
    [("deallocate all", ["name", "price"]), ("alter table dish add column spicy bool", ["name", "price", "spicy"])],
    ids=["deallocated", "migrated"],
)
def test_stale_prepared_statement_is_parsed_again(connection, url, autocommit, loss, columns):
    """Fails without the retry: 26000 (a pooler without names), or `cached plan must not change result type`."""
    for _ in range(3):
        run(connection, ALL, 50)
        connection.commit()
    if loss.startswith("alter"):
        migrate(url, loss)
    else:
        connection.cursor().execute(loss)
        connection.commit()
    connection.autocommit = autocommit
    assert run(connection, ALL, 50)[0] == columns
    connection.commit()
    connection.autocommit = False
    assert [run(connection, ALL, 50)[0] for _ in range(3)] == [columns] * 3


def test_stale_statement_in_transaction_is_a_conflict(connection):
    for _ in range(3):
        run(connection, ALL, 50)
    connection.cursor().execute("deallocate all")
    with pytest.raises(Error) as raised:
        run(connection, ALL, 50)
    assert isinstance(refusal(raised.value), TransactionConflict)
    connection.rollback()
    assert run(connection, ALL, 70)[1] == [["dosa", 90]]


@pytest.mark.parametrize("piggyback", [None, PIGGYBACK], ids=["alone", "piggyback"])
@pytest.mark.parametrize("kind", ["reading", "transaction"])
def test_prepared_session_prepares_repeated_statements(database, kind, piggyback):
    """Fails when the argument is dropped, or applies only to sessions with a piggyback."""
    for _ in range(3):
        with getattr(database, kind)(piggyback, prepared=True) as session:
            session.execute(text("select :value as repeated"), {"value": 3})
    assert "as repeated" in prepared_by(database)
    assert ("piggyback" in prepared_by(database)) is (piggyback is not None)


@pytest.mark.parametrize("piggyback", [None, PIGGYBACK], ids=["alone", "piggyback"])
@pytest.mark.parametrize("kind", ["reading", "transaction"])
def test_ordinary_session_prepares_nothing(database, kind, piggyback):
    """Fails when a prepared session leaves its choice on the pooled connection, or a piggyback implies it."""
    for _ in range(3):
        with database.reading(prepared=True) as session:
            session.execute(text("select 1"))
        with getattr(database, kind)(piggyback) as session:
            session.execute(text("select :value as ordinary"), {"value": 2})
    assert "as ordinary" not in prepared_by(database)
    assert "piggyback" not in prepared_by(database)
