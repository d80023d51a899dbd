"""The migrations' schema equals the models' schema, forwards, backwards and in every constraint."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from infra import migrations
from infra.migrations.tables import metadata
from shared.ledger.postings import AccountCode
from shared.lines.home_chef.rate_card import CANCELLATION_TERMS, RateCard
from tests.postgres_server import shared_postgres

# Declared by no model: a line's own checks on shared tables, and the triggers' constraint rows.
ONLY_IN_MIGRATIONS = {
    "ck_appointments_home_chef_details",
    "ck_bookings_home_chef_assigned",
    "ck_bookings_home_chef_at_rest",
    "ck_providers_home_chef_rate",
    "ledger_balanced",
}
TABLES = text("select tablename from pg_tables where schemaname = 'public' and tablename <> 'alembic_version'")
APPOINTMENTS = {"appointments", "offers", "provider_availability", "provider_days_off", "providers", "ratings"}
HOME_CHEF = {"home_chef_quotes", "home_chef_tariffs"}
CONSTRAINTS = text("""
select c.conname, c.conrelid::regclass::text, pg_get_constraintdef(c.oid) from pg_constraint c
join pg_class r on r.oid = c.conrelid where r.relnamespace = 'public'::regnamespace
and r.relname <> 'alembic_version' and c.contype <> 'n'
""")
INDEXES = text(
    "select indexname, tablename, indexdef from pg_indexes where schemaname = 'public' and tablename <> 'alembic_version'"
)
COLUMNS = text("""
select table_name, column_name, udt_name, is_nullable, column_default, numeric_precision, numeric_scale
from information_schema.columns where table_schema = 'public'
""")


@pytest.fixture
def empty_url() -> str:
    return shared_postgres().new_database()


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    engine = migrations.engine_for(url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def rows(connection: Connection, statement: Any) -> set[tuple[Any, ...]]:
    left_out = ONLY_IN_MIGRATIONS | {"alembic_version"}
    return {tuple(row) for row in connection.execute(statement) if row[0] not in left_out}


def tables_of(url: str) -> set[str]:
    with connected(url) as connection:
        return {str(name) for name in connection.execute(TABLES).scalars()}


def rules_of_lines(url: str) -> set[str]:
    with connected(url) as connection:
        named = "select conname from pg_constraint where conname like 'ck%home_chef%'"
        return {str(name) for name in connection.execute(text(named)).scalars()}


def test_migrating_empty_database_twice_changes_nothing(empty_url):
    assert migrations.upgrade(empty_url) == (None, "0003")
    assert migrations.upgrade(empty_url) == ("0003", "0003")


def test_every_step_can_be_reverted_and_repeated(empty_url):
    migrations.upgrade(empty_url)
    migrations.downgrade(empty_url, "base")
    with connected(empty_url) as connection:
        assert connection.execute(TABLES).all() == []
        left = "select proname from pg_proc where proname like 'ledger%' or proname like 'refunds%'"
        assert connection.execute(text(left)).all() == []
    assert migrations.upgrade(empty_url) == (None, "0003")


def test_each_step_goes_down_and_up_alone(empty_url):
    """A line's step removes everything of the line, the appointments' step everything of theirs."""
    migrations.upgrade(empty_url)
    all_tables = tables_of(empty_url)
    assert rules_of_lines(empty_url) == ONLY_IN_MIGRATIONS - {"ledger_balanced"}
    migrations.downgrade(empty_url, "0002")
    assert tables_of(empty_url) == all_tables - HOME_CHEF
    assert rules_of_lines(empty_url) == set()
    migrations.downgrade(empty_url, "0001")
    assert tables_of(empty_url) == all_tables - HOME_CHEF - APPOINTMENTS
    assert migrations.upgrade(empty_url, "0002") == ("0001", "0002")
    assert migrations.upgrade(empty_url) == ("0002", "0003")


def test_database_of_later_release_is_unchanged(empty_url):
    """Fails when rolled-back code cannot be deployed because it does not know the database's revision."""
    migrations.upgrade(empty_url)
    with connected(empty_url) as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    assert migrations.upgrade(empty_url) == ("9999", "9999")


def test_current_revision_is_detected_without_alembic(database_url):
    code = "import sys; from infra import migrations; print(migrations.upgrade(sys.argv[1]), 'alembic' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code, database_url], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == f"('{migrations.head()}', '{migrations.head()}') False"


def test_alembic_finds_no_difference_to_models(database_url):
    with connected(database_url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


@pytest.mark.parametrize("facts", [CONSTRAINTS, INDEXES, COLUMNS], ids=["constraints", "indexes", "columns"])
def test_migrated_schema_equals_models_schema(database_url, empty_url, facts):
    """Alembic compares no CHECK, no exclusion constraint and no index predicate; this test reads Postgres'
    catalogue."""
    with connected(empty_url) as connection:
        for extension in ("btree_gist", "pg_trgm"):
            connection.execute(text(f"create extension {extension}"))
        metadata.create_all(connection)
        expected = rows(connection, facts)
    with connected(database_url) as connection:
        assert rows(connection, facts) == expected


def test_ledger_accounts_equal_codes_accounts(database_url):
    with connected(database_url) as connection:
        codes = connection.execute(text("select code from ledger_accounts")).scalars().all()
    assert sorted(codes) == sorted(AccountCode)


def test_first_tariff_row_is_documented_default(database_url):
    with connected(database_url) as connection:
        rates, cancellation = connection.execute(text("select rates, cancellation from home_chef_tariffs")).one()
    assert RateCard.from_row(rates) == RateCard()
    assert rates == RateCard().to_row()
    assert cancellation == CANCELLATION_TERMS.to_row()
