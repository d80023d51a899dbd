"""Our connection and plain pg8000 return the same results, row counts and errors, scenario by scenario."""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from pg8000.legacy import Connection as PlainConnection
from pg8000.legacy import Error, Range

from infra.postgres.address import arguments
from infra.postgres.connection import Connection
from tests.postgres_server import database_of, plain_connection, shared_postgres

SCHEMA = """
create type mood as enum ('calm', 'hungry');
create table chef (id int primary key, name text not null unique, rating int check (rating between 1 and 5));
create table visit (
    id int generated always as identity primary key,
    chef_id int references chef (id),
    during tstzrange,
    constraint one_at_a_time exclude using gist (during with &&)
);
create table anything (
    id serial, j jsonb, at timestamptz, ints int[], uuids uuid[], texts text[], raw bytea, days daterange,
    period tstzrange, amount numeric, mood mood, sure boolean, day date, lasting interval, ratio double precision
);
create table line (amount int);
create function balanced() returns trigger language plpgsql as $$
begin
    if (select sum(amount) from line) <> 0 then
        raise exception 'not balanced' using errcode = '23514', constraint = 'line_balanced';
    end if;
    return null;
end $$;
create constraint trigger line_balanced after insert on line deferrable initially deferred
    for each row execute function balanced();
insert into chef values (1, 'asha', 5);
"""
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ONE, TWO = UUID(int=1), UUID(int=2)

Scenario = Callable[[Any], Any]
SCENARIOS: list[Scenario] = []


def scenario(run: Scenario) -> Scenario:
    SCENARIOS.append(run)
    return run


@pytest.fixture(scope="module")
def two_connections() -> Iterator[tuple[Any, Any]]:
    """Yield plain pg8000 and our connection, each on its own copy of one database with the same OIDs."""
    server = shared_postgres()
    plain_url = server.new_database()
    with closing(plain_connection(plain_url)) as connection:
        connection.run(SCHEMA)
    our_url = server.new_database(template=database_of(plain_url))
    with closing(PlainConnection(**arguments(plain_url))) as plain, closing(Connection(**arguments(our_url))) as ours:
        yield plain, ours


@pytest.mark.parametrize("run", SCENARIOS, ids=lambda run: run.__name__)
def test_our_connection_equals_plain_pg8000(run: Scenario, two_connections: tuple[Any, Any]) -> None:
    """Runs three times: our connection prepares a statement in the second run and executes it by name in the third."""
    plain, ours = ([outcome(run, connection) for _ in range(3)] for connection in two_connections)
    assert ours == plain


def outcome(run: Scenario, connection: Any) -> Any:
    try:
        return "answered", run(connection)
    except Error as error:
        return type(error).__name__, re.sub(
            r'statement "\w+"', 'statement ""', str(error)
        )  # our prepared statement's name
    finally:
        connection.autocommit = False
        connection.rollback()


def query(connection: Any, statement: str, *values: Any) -> Any:
    cursor = connection.cursor()
    cursor.execute(statement, values)
    return cursor.description, cursor.rowcount, cursor.fetchall() if cursor.description else None


def refused(connection: Any, statement: str, *values: Any) -> Any:
    try:
        return query(connection, statement, *values)
    except Error as error:
        return type(error).__name__, error.args


def round_trip(connection: Any, column: str, *values: Any) -> Any:
    """Write a value and NULL to a column and read them back."""
    return [
        query(connection, f"insert into anything ({column}) values (%s) returning {column}", value)
        for value in (*values, None)
    ]


@scenario
def unique_violation(c: Any) -> Any:
    return query(c, "insert into chef values (%s, %s, %s)", 2, "asha", 4)


@scenario
def exclusion_violation(c: Any) -> Any:
    at_noon = Range(NOON, NOON + timedelta(hours=2))
    query(c, "insert into visit (during) values (%s)", at_noon)
    return query(c, "insert into visit (during) values (%s)", at_noon)


@scenario
def foreign_key_violation(c: Any) -> Any:
    return query(c, "insert into visit (chef_id) values (%s)", 99)


@scenario
def check_violation(c: Any) -> Any:
    return query(c, "insert into chef values (%s, %s, %s)", 2, "ravi", 6)


@scenario
def not_null_violation(c: Any) -> Any:
    return query(c, "insert into chef values (%s, %s, %s)", 2, None, 4)


@scenario
def undefined_column(c: Any) -> Any:
    return query(c, "select nothing from chef where id = %s", 1)


@scenario
def a_value_of_the_wrong_type(c: Any) -> Any:
    return query(c, "select id from chef where id = %s::int", "one")


@scenario
def a_deferred_trigger_refuses_at_commit(c: Any) -> Any:
    query(c, "insert into line values (%s)", 5)
    try:
        c.commit()
    except Error as error:
        return type(error).__name__, error.args, query(c, "select count(*) from line")


@scenario
def an_error_spoils_the_transaction_until_it_is_rolled_back(c: Any) -> Any:
    query(c, "insert into chef values (%s, %s, %s)", 7, "lost", 4)
    answers = [refused(c, "select 1 / %s::int", 0), refused(c, "select %s::int", 1), refused(c, "select 1")]
    c.rollback()
    return answers, query(c, "select id from chef order by id")


@scenario
def commit_of_a_spoilt_transaction_is_an_error_and_rolls_back(c: Any) -> Any:
    query(c, "insert into chef values (%s, %s, %s)", 7, "lost", 4)
    refused(c, "select 1 / %s::int", 0)
    try:
        c.commit()
    except Error as error:
        return type(error).__name__, error.args, query(c, "select id from chef order by id")


@scenario
def an_error_in_the_first_statement_then_rollback_and_reuse(c: Any) -> Any:
    answers = [refused(c, "select 1 / %s::int", 0)]
    c.rollback()
    answers.append(refused(c, "select 1 / 0"))
    c.rollback()
    return answers, query(c, "select %s::int", 1)


@scenario
def savepoint_rolled_back_and_used_again(c: Any) -> Any:
    query(c, "savepoint before")
    query(c, "insert into chef values (%s, %s, %s)", 8, "gone", 4)
    lost = refused(c, "insert into chef values (%s, %s, %s)", 8, "gone", 4)
    query(c, "rollback to savepoint before")
    query(c, "insert into chef values (%s, %s, %s)", 8, "kept", 4)
    query(c, "release savepoint before")
    return lost, query(c, "select id, name from chef order by id")


@scenario
def what_was_committed_stays_and_what_was_rolled_back_does_not(c: Any) -> Any:
    query(c, "insert into chef values (%s, %s, %s)", 9, "stays", 4)
    c.commit()
    query(c, "insert into chef values (%s, %s, %s)", 10, "goes", 4)
    c.rollback()
    left = query(c, "select id from chef where id >= %s", 9)
    query(c, "delete from chef where id = %s", 9)
    c.commit()
    return left


@scenario
def executemany_and_its_row_count(c: Any) -> Any:
    cursor = c.cursor()
    cursor.executemany("insert into anything (ints) values (%s)", [([1],), ([2, 3],), (None,)])
    return cursor.rowcount, query(c, "select ints from anything order by id")


@scenario
def row_counts(c: Any) -> Any:
    return [
        query(c, "insert into anything (sure) select true from generate_series(1, %s)", 5),
        query(c, "update anything set sure = %s", False),
        query(c, "delete from anything where sure = %s", True),
        query(c, "select 1 where %s", False),
        query(c, "create temporary table t (i int) on commit drop"),
    ]


@scenario
def no_parameters(c: Any) -> Any:
    return query(c, "select id, name, rating, null as nothing from chef")


@scenario
def several_statements_at_once(c: Any) -> Any:
    return query(c, "create temporary table t (i int) on commit drop; insert into t values (1), (2); select i from t")


@scenario
def an_empty_statement(c: Any) -> Any:
    return query(c, ";")


@scenario
def percent_signs_and_a_parameter_used_twice(c: Any) -> Any:
    return query(c, "select 7 %% 4, %s::text || %s::text, 'a:b', '%%'", "x'y", "ü€😀")


@scenario
def too_few_parameters_then_reuse(c: Any) -> Any:
    try:
        query(c, "select %s::int, %s::int", 1)
    except IndexError:
        return query(c, "select %s::int", 1)


@scenario
def declared_parameter_types(c: Any) -> Any:
    cursor = c.cursor()
    cursor.setinputsizes(23, int)
    cursor.execute("select %s + %s", (1, 2))
    return cursor.fetchall()


@scenario
def ten_thousand_rows(c: Any) -> Any:
    return query(c, "select i, repeat('x', i %% 50), null::int from generate_series(1, %s) as i", 10_000)


@scenario
def a_statement_and_a_value_larger_than_any_buffer(c: Any) -> Any:
    return query(c, f"select length(%s::text), '{'y' * 100_000}'", "z" * 3_000_000)


@scenario
def jsonb(c: Any) -> Any:
    return round_trip(c, "j", '{"a": [1, null, "ü"]}', {"b": {"c": 1.5}}, "[]")


@scenario
def timestamptz(c: Any) -> Any:
    return round_trip(c, "at", NOON, NOON.replace(microsecond=123456))


@scenario
def arrays(c: Any) -> Any:
    return [
        round_trip(c, "ints", [1, None, -3], []),
        round_trip(c, "uuids", [ONE, TWO], [None]),
        round_trip(c, "texts", ["a", 'quo"te', "com,ma", "", None, "{}"]),
    ]


@scenario
def bytes_of_every_value(c: Any) -> Any:
    return round_trip(c, "raw", bytes(range(256)), b"")


@scenario
def ranges(c: Any) -> Any:
    return [
        round_trip(c, "days", Range(date(2026, 1, 1), date(2026, 2, 1)), Range(is_empty=True)),
        round_trip(c, "period", Range(NOON, None, "[)"), Range(NOON, NOON + timedelta(hours=1))),
    ]


@scenario
def numbers(c: Any) -> Any:
    return [
        round_trip(c, "amount", Decimal("12345678901234567890.0001"), Decimal("-0.5"), 0),
        round_trip(c, "ratio", 0.1, float("inf"), -1e300),
    ]


@scenario
def the_rest_of_the_types(c: Any) -> Any:
    return [
        round_trip(c, "mood", "hungry"),
        round_trip(c, "sure", True, False),
        round_trip(c, "day", date(2026, 11, 20)),
        round_trip(c, "lasting", timedelta(days=2, seconds=5)),
    ]


@scenario
def copy_in_and_out(c: Any) -> Any:
    out = io.BytesIO()
    c.cursor().execute("copy chef (id, name) from stdin", stream=io.BytesIO(b"20\tin\n21\tin too\n"))
    c.cursor().execute("copy (select id, name from chef order by id) to stdout", stream=out)
    return out.getvalue(), refused(c, "select %s::int", 1)


@scenario
def copy_of_a_bad_row(c: Any) -> Any:
    try:
        c.cursor().execute("copy chef (id, name) from stdin", stream=io.BytesIO(b"not a number\tin\n"))
    except Error as error:
        c.rollback()
        return type(error).__name__, error.args, query(c, "select %s::int", 1)


@scenario
def autocommit_keeps_each_statement_and_begins_nothing(c: Any) -> Any:
    c.autocommit = True
    made = query(c, "insert into chef values (%s, %s, %s)", 30, "alone", 4)
    c.rollback()
    gone = query(c, "delete from chef where id >= %s returning id, name", 30)
    return made, gone, query(c, "select now() = statement_timestamp()"), refused(c, "savepoint outside")


@scenario
def a_transaction_begun_by_hand_in_autocommit(c: Any) -> Any:
    c.autocommit = True
    query(c, "begin")
    query(c, "insert into chef values (%s, %s, %s)", 31, "by hand", 4)
    query(c, "rollback")
    return query(c, "select count(*) from chef")


def test_transaction_is_read_committed_despite_server_default() -> None:
    with closing(Connection(**arguments(shared_postgres().url))) as connection:
        query(connection, "set session characteristics as transaction isolation level serializable")
        connection.commit()
        assert query(connection, "show transaction isolation level")[2] == (["read committed"],)
