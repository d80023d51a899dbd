from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from pg8000.exceptions import InterfaceError
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from infra.postgres.connection import AnswerTimedOut, ConnectionLost
from infra.postgres.engine import PostgresDatabase
from infra.postgres.errors import refusal
from shared.kit.database import ConstraintViolated, DatabaseUnavailable, TransactionConflict
from tests.postgres_server import plain_connection, shared_postgres

SCHEMA = """
create table chef (id int primary key, email text not null unique, rating int constraint a_rating check (rating < 6));
create table visit (
    chef_id int constraint somebody references chef,
    during int4range,
    constraint one_at_a_time exclude using gist (during with &&)
);
create function refuse() returns trigger language plpgsql as $$
begin
    raise exception 'not balanced' using errcode = '23514', constraint = 'balanced';
end $$;
create table line (amount int);
create constraint trigger balanced after insert on line deferrable initially deferred
    for each row execute function refuse();
insert into chef values (1, 'asha@example.org', 5);
insert into visit values (1, '[1,5)');
"""


@pytest.fixture(scope="module")
def db() -> Iterator[PostgresDatabase]:
    url = shared_postgres().new_database()
    with closing(plain_connection(url)) as connection:
        connection.run(SCHEMA)
    db = PostgresDatabase(url, pool_size=2)
    yield db
    db.dispose()


@pytest.mark.parametrize(
    ("statement", "constraint", "sqlstate"),
    [
        ("insert into chef values (2, 'asha@example.org', 5)", "chef_email_key", "23505"),
        ("insert into visit values (1, '[4,6)')", "one_at_a_time", "23P01"),
        ("insert into visit values (7, null)", "somebody", "23503"),
        ("insert into chef values (2, null, 5)", "chef.email", "23502"),
        ("insert into chef values (2, 'ravi@example.org', 6)", "a_rating", "23514"),
        ("insert into line values (1)", "balanced", "23514"),  # at COMMIT
    ],
)
def test_constraint_is_recognised_by_name_at_any_time(
    db: PostgresDatabase, statement: str, constraint: str, sqlstate: str
) -> None:
    with pytest.raises(ConstraintViolated) as caught, db.transaction() as session:
        session.execute(text(statement))
    assert (caught.value.constraint, caught.value.sqlstate) == (constraint, sqlstate)


def test_violation_does_not_reveal_the_row(db: PostgresDatabase) -> None:
    with pytest.raises(ConstraintViolated) as caught, db.transaction() as session:
        session.execute(text("insert into chef values (2, :email, 5)"), {"email": "asha@example.org"})
    assert "asha" not in f"{caught.value} {caught.value!r}"


@pytest.mark.parametrize(
    ("sqlstate", "meaning"),
    [
        ("40001", TransactionConflict),
        ("40P01", TransactionConflict),
        ("08006", DatabaseUnavailable),
        ("08P01", DatabaseUnavailable),
        ("25006", DatabaseUnavailable),
        ("25P03", DatabaseUnavailable),
        ("25P04", DatabaseUnavailable),
        ("53100", DatabaseUnavailable),
        ("53300", DatabaseUnavailable),
        ("55P03", DatabaseUnavailable),
        ("57014", DatabaseUnavailable),
        ("57P01", DatabaseUnavailable),
        ("57P03", DatabaseUnavailable),
        ("22012", None),
        ("28P01", None),
        ("42703", None),
        ("P0001", None),
    ],
)
def test_sqlstate_maps_to_one_error(db: PostgresDatabase, sqlstate: str, meaning: type[Exception] | None) -> None:
    raising = text(f"do $$ begin raise exception 'as asked' using errcode = '{sqlstate}'; end $$")
    with pytest.raises(Exception, match=r"as asked|try again") as caught, db.transaction() as session:
        session.execute(raising)
    assert (type(caught.value) is meaning) is (meaning is not None)
    assert isinstance(refusal(caught.value.__cause__ or caught.value), meaning or type(None))


def test_serialization_failure_is_a_conflict(db: PostgresDatabase) -> None:
    def losing() -> None:
        with db.transaction() as session:
            session.execute(text("set transaction isolation level repeatable read"))
            session.execute(text("select count(*) from chef"))
            with db.transaction() as other:
                other.execute(text("update chef set rating = 4"))
            session.execute(text("update chef set rating = 3"))

    with pytest.raises(TransactionConflict):
        losing()


@pytest.mark.parametrize(
    ("setting", "statement", "sqlstate"),
    [
        ("set local statement_timeout = 20", "select pg_sleep(5)", "57014"),
        ("set local lock_timeout = 20", "update chef set rating = 1", "55P03"),
    ],
)
def test_statement_timeout_is_unavailable_with_reason(
    db: PostgresDatabase, setting: str, statement: str, sqlstate: str
) -> None:
    def waiting() -> None:
        with db.transaction() as session:
            session.execute(text(setting))
            session.execute(text(statement))

    with db.transaction() as holder:
        holder.execute(text("select * from chef for update"))
        with pytest.raises(DatabaseUnavailable) as caught:
            waiting()
    assert caught.value.reason.startswith(sqlstate)
    assert (caught.value.status, caught.value.retry_after) == (503, 5)


@pytest.mark.parametrize("error", [ConnectionLost("gone"), AnswerTimedOut("no answer"), PoolTimeoutError("no room")])
def test_no_connection_is_unavailable(error: Exception) -> None:
    assert isinstance(refusal(error), DatabaseUnavailable)


@pytest.mark.parametrize(
    "error",
    [ValueError({"M": "no code"}), LookupError(), InterfaceError("in failed transaction block"), OSError("disk")],
)
def test_other_errors_pass_unchanged(error: Any) -> None:
    assert refusal(error) is None
