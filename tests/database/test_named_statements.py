"""Statements the server knows by name: from the second time on, until it has forgotten one."""

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
from shared.kit.database import Question, TransactionConflict
from tests.postgres_server import plain_connection, shared_postgres

ALL = "select * from dish where price > %s order by name"


@pytest.fixture(scope="module")
def url() -> str:
    return shared_postgres().new_database()


@pytest.fixture
def connection(url: str) -> Iterator[Any]:
    change(url, "drop table if exists dish; create table dish (name text primary key, price int)")
    change(url, "insert into dish values ('dosa', 90), ('idli', 60)")
    with closing(Connection(**arguments(url))) as connection:
        yield connection


def change(url: str, statements: str) -> None:
    with closing(plain_connection(url)) as connection:
        for statement in statements.split(";"):
            connection.run(statement)


def ask(connection: Any, statement: str, *values: Any) -> Any:
    cursor = connection.cursor()
    cursor.execute(statement, values)
    return [column[0] for column in cursor.description], list(cursor.fetchall())


def known(connection: Any) -> list[str]:
    cursor = connection.cursor()
    cursor.execute("select statement from pg_prepared_statements order by prepare_time")
    return [row[0] for row in cursor.fetchall()]


def test_a_statement_is_given_a_name_when_it_is_met_again_and_answers_the_same_by_it(connection):
    answers, names = [], []
    for _ in range(3):
        answers.append(ask(connection, ALL, 50))
        names.append(len(known(connection)))
        connection.commit()
    assert answers == [(["name", "price"], [["dosa", 90], ["idli", 60]])] * 3
    assert names == [0, 1, 1]
    assert ask(connection, ALL, 70)[1] == [["dosa", 90]]


def test_what_is_refused_while_it_is_given_its_name_is_given_it_the_next_time(connection):
    insert = "insert into dish values (%s, %s) returning name"
    for name, is_new in (("vada", True), ("vada", False), ("puri", True), ("poha", True)):
        try:
            ask(connection, insert, name, 10)
            connection.commit()
        except Error:
            assert not is_new
            connection.rollback()
    assert len(known(connection)) == 1


@pytest.mark.parametrize("autocommit", [True, False], ids=["alone", "first of a transaction"])
@pytest.mark.parametrize(
    ("forgetting", "columns"),
    [("deallocate all", ["name", "price"]), ("alter table dish add column spicy bool", ["name", "price", "spicy"])],
    ids=["names gone", "migrated"],
)
def test_what_the_server_has_forgotten_is_asked_again_in_full(connection, url, autocommit, forgetting, columns):
    """Fails where nobody asks again: with 26000 (a pooler without names), or `cached plan must not change result type`."""
    for _ in range(3):
        ask(connection, ALL, 50)
        connection.commit()
    if forgetting.startswith("alter"):
        change(url, forgetting)
    else:
        connection.cursor().execute(forgetting)
        connection.commit()
    connection.autocommit = autocommit
    assert ask(connection, ALL, 50)[0] == columns
    connection.commit()
    connection.autocommit = False
    assert [ask(connection, ALL, 50)[0] for _ in range(3)] == [columns] * 3


def test_what_is_forgotten_in_the_middle_of_a_transaction_is_a_conflict_to_be_run_again(connection):
    for _ in range(3):
        ask(connection, ALL, 50)
    connection.cursor().execute("deallocate all")
    with pytest.raises(Error) as raised:
        ask(connection, ALL, 50)
    assert isinstance(refusal(raised.value), TransactionConflict)
    connection.rollback()
    assert ask(connection, ALL, 70)[1] == [["dosa", 90]]


def test_only_what_is_asked_for_often_is_known_by_name(url):
    """Fails when an ordinary session's statement is named: its plan would be one for any value of a filter."""
    database = PostgresDatabase(url, 1)
    often = Question(text("select 1"), {}, lambda _: None)
    for _ in range(3):
        with database.reading() as session:
            session.execute(text("select :value as plain"), {"value": 2})
        with database.reading(often) as session:
            session.execute(text("select :value as known"), {"value": 3})
    with database.reading() as session:
        found = session.scalars(text("select statement from pg_prepared_statements")).all()
    database.dispose()
    assert any("as known" in statement for statement in found)
    assert not any("as plain" in statement for statement in found)
