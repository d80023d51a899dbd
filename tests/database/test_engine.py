import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import ForeignKey, Uuid, create_engine, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, ENUM, JSONB, TIMESTAMP, TSTZRANGE, Range
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from infra.outside import CalledInsideTransaction, assert_outside_transaction
from infra.postgres.engine import PostgresDatabase
from shared.kit.database import ConstraintViolated, DatabaseUnavailable
from tests.postgres_server import at_port, plain_connection, shared_postgres
from tests.round_trips import CountingProxy, counted

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Base(DeclarativeBase):
    pass


class Chef(Base):
    __tablename__ = "chef"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    visits: Mapped[int] = mapped_column(default=0)


class Visit(Base):
    __tablename__ = "visit"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    chef_id: Mapped[int | None] = mapped_column(ForeignKey(Chef.id))
    at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
    during: Mapped[Range[datetime] | None] = mapped_column(TSTZRANGE)
    people: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid()))
    answers: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    mood: Mapped[str | None] = mapped_column(ENUM("calm", "hungry", name="mood"))
    paid: Mapped[Decimal | None]


@pytest.fixture(scope="module")
def url() -> str:
    url = shared_postgres().new_database()
    engine = plain_engine(url)
    Base.metadata.create_all(engine)
    engine.dispose()
    return url


@pytest.fixture(autouse=True)
def _empty(url: str) -> None:
    with closing(plain_connection(url)) as connection:
        connection.run("truncate chef, visit")


@pytest.fixture
def proxy(url: str) -> Iterator[CountingProxy]:
    with CountingProxy("127.0.0.1", make_url(url).port or 0) as proxy:
        yield proxy


@pytest.fixture
def db(url: str, proxy: CountingProxy) -> Iterator[PostgresDatabase]:
    with closing_database(at_port(url, proxy.url_port)) as db:
        yield db


class closing_database(closing[Any]):  # noqa: N801 - named like an exception
    def __init__(self, url: str, *arguments: Any, **settings: Any) -> None:
        db = PostgresDatabase(url, *arguments, **settings)
        super().__init__(db)

    def __exit__(self, *_: object) -> None:
        self.thing.dispose()


def plain_engine(url: str) -> Any:
    return create_engine(make_url(url).set(drivername="postgresql+pg8000"))


def names(db: PostgresDatabase) -> list[str]:
    with db.reading() as session:
        return list(session.scalars(select(Chef.name).order_by(Chef.name)))


def warm(db: PostgresDatabase) -> None:
    with db.reading() as session:
        session.execute(text("select 1"))


def undo(db: PostgresDatabase) -> None:
    def undo_midway() -> None:
        with db.transaction() as session:
            session.execute(insert(Chef).values(id=100, name="undone"))
            raise LookupError

    with pytest.raises(LookupError):
        undo_midway()


def test_transaction_commits_at_end_or_rolls_back_on_error(db: PostgresDatabase) -> None:
    with db.transaction() as session:
        session.add(Chef(id=1, name="asha"))
    undo(db)
    assert names(db) == ["asha"]


def test_transaction_is_two_round_trips_read_is_one(db: PostgresDatabase, proxy: CountingProxy) -> None:
    warm(db)
    with counted(proxy) as writing, db.transaction() as session:
        session.execute(insert(Chef).values(id=1, name="asha"))
    with counted(proxy) as reading, db.reading() as session:
        session.scalars(select(Chef).where(Chef.id == 1)).one()
    with counted(proxy) as nothing, db.transaction():
        pass
    assert (writing.round_trips, reading.round_trips, nothing.round_trips) == (2, 1, 0)
    assert (len(writing.statements), len(reading.statements), len(nothing.statements)) == (1, 1, 0)


def test_refused_transaction_is_two_round_trips(db: PostgresDatabase, proxy: CountingProxy) -> None:
    warm(db)
    with counted(proxy) as seen, pytest.raises(ConstraintViolated), db.transaction() as session:
        session.execute(insert(Visit).values(id=UUID(int=1), chef_id=99))
    assert seen.round_trips == 2


def test_first_use_costs_handshake_and_statement(db: PostgresDatabase, proxy: CountingProxy) -> None:
    """Three for SCRAM, one for the statement; SQLAlchemy's dialect on the plain driver takes seventeen."""
    assert proxy.accepted == 0
    with counted(proxy) as seen, db.reading() as session:
        session.execute(text("select 1"))
    assert (seen.round_trips, proxy.accepted) == (4, 1)


def test_rows_flushed_together_are_one_statement(db: PostgresDatabase, proxy: CountingProxy) -> None:
    warm(db)
    with counted(proxy) as seen, db.transaction() as session:
        session.add_all(Chef(id=number, name=f"chef {number}") for number in range(50))
    assert (len(seen.statements), seen.round_trips) == (1, 2)


def test_loaded_rows_are_readable_after_commit(db: PostgresDatabase, proxy: CountingProxy) -> None:
    with db.transaction() as session:
        chef = Chef(id=1, name="asha")
        session.add(chef)
    with counted(proxy) as seen:
        assert (chef.name, chef.visits) == ("asha", 0)
    assert seen.round_trips == 0


def test_reading_and_writing_share_one_connection(db: PostgresDatabase, proxy: CountingProxy) -> None:
    for number in range(3):
        assert len(names(db)) == number
        undo(db)
        with db.transaction() as session:
            session.execute(insert(Chef).values(id=number, name=f"chef {number}"))
    assert proxy.accepted == 1


def test_savepoint_refusal_leaves_transaction_usable(db: PostgresDatabase) -> None:
    with db.transaction() as session:
        session.execute(insert(Chef).values(id=1, name="asha"))
        with pytest.raises(ConstraintViolated) as caught, session.begin_nested():
            session.execute(insert(Chef).values(id=2, name="asha"))
        session.execute(insert(Chef).values(id=2, name="ravi"))
    assert (caught.value.constraint, names(db)) == ("chef_name_key", ["asha", "ravi"])


def test_flush_refusal_is_the_same_refusal(db: PostgresDatabase) -> None:
    with pytest.raises(ConstraintViolated), db.transaction() as session:
        session.add(Visit(id=UUID(int=1), chef_id=99))
    warm(db)


def test_defect_passes_unchanged_without_values(db: PostgresDatabase) -> None:
    with pytest.raises(ProgrammingError) as caught, db.transaction() as session:
        session.execute(text("select nothing from chef where name = :name"), {"name": "very private"})
    assert "very private" not in str(caught.value)


def test_blocks_own_errors_pass_unchanged(db: PostgresDatabase) -> None:
    with pytest.raises(TimeoutError, match="not the database's"), db.transaction():
        raise TimeoutError("not the database's")


# docs/architecture.md#no-network-call-inside-a-transaction


def test_vendor_call_is_refused_only_inside_transaction(db: PostgresDatabase) -> None:
    with db.transaction(), pytest.raises(CalledInsideTransaction):
        assert_outside_transaction()
    with db.reading():
        assert_outside_transaction()
    with pytest.raises(LookupError), db.transaction():
        raise LookupError
    assert_outside_transaction()


def test_other_threads_transaction_does_not_count(db: PostgresDatabase) -> None:
    with db.transaction(), ThreadPoolExecutor(1) as pool:
        pool.submit(assert_outside_transaction).result(5)


# the pool


def test_eight_threads_lose_no_update_on_three_connections(url: str, proxy: CountingProxy) -> None:
    with closing_database(at_port(url, proxy.url_port), pool_size=3) as db:
        with db.transaction() as session:
            session.execute(insert(Chef).values(id=1, name="asha"))

        def visit(number: int) -> int:
            with db.transaction() as session:
                session.execute(update(Chef).values(visits=Chef.visits + 1))
            with db.reading() as session:
                return session.scalar(select(number + func.length("x"))) or 0

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(visit, range(200))) == list(range(1, 201))
        with db.reading() as session:
            assert session.scalar(select(Chef.visits)) == 200
    assert proxy.accepted <= 3


def test_full_pool_waits_then_refuses(url: str) -> None:
    with closing_database(url, pool_size=1, pool_timeout=0.1) as db, db.transaction() as session:
        session.execute(text("select 1"))
        with ThreadPoolExecutor(1) as pool, pytest.raises(DatabaseUnavailable):
            pool.submit(warm, db).result(5)


def test_dead_pool_connections_are_replaced_silently(db: PostgresDatabase, proxy: CountingProxy) -> None:
    together = threading.Barrier(4)

    def use(_number: int) -> None:
        with db.transaction() as session:
            session.execute(text("select 1"))
            together.wait(5)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(use, range(4)))
        proxy.cut()
        list(pool.map(use, range(4)))
    assert proxy.accepted == 8


def test_slow_answer_does_not_drain_pool(url: str, proxy: CountingProxy) -> None:
    with closing_database(at_port(url, proxy.url_port), read_timeout=0.2) as db:
        with db.transaction() as open_session:
            open_session.execute(text("select 1"))
            with pytest.raises(DatabaseUnavailable), db.reading() as session:
                session.execute(text("select pg_sleep(1)"))
        with db.transaction() as session, db.reading() as other:
            session.execute(text("select 1"))
            other.execute(text("select 1"))
    assert proxy.accepted == 3


def test_transaction_lost_midway_is_refused_completely(db: PostgresDatabase, proxy: CountingProxy) -> None:
    def losing() -> None:
        with db.transaction() as session:
            session.execute(insert(Chef).values(id=1, name="half"))
            proxy.cut()
            session.execute(insert(Chef).values(id=2, name="other half"))

    with pytest.raises(DatabaseUnavailable):
        losing()
    assert names(db) == []


def test_swallowed_loss_still_refuses_transaction(db: PostgresDatabase, proxy: CountingProxy) -> None:
    """Otherwise the next statement would begin a new transaction, and half of the work would be committed."""

    def losing() -> None:
        with db.transaction() as session:
            session.execute(insert(Chef).values(id=1, name="half"))
            proxy.cut()
            with suppress(DatabaseUnavailable):
                session.execute(insert(Chef).values(id=2, name="other half"))

    with pytest.raises(DatabaseUnavailable):
        losing()
    assert names(db) == []


def test_unreachable_database_is_unavailable_at_once(db: PostgresDatabase, proxy: CountingProxy) -> None:
    proxy.refuse()
    started = time.monotonic()
    for way in (db.reading, db.transaction):
        with pytest.raises(DatabaseUnavailable), way() as session:
            session.execute(text("select 1"))
    assert time.monotonic() - started < 1


def test_database_without_free_connection_is_unavailable() -> None:
    url = shared_postgres().new_database()
    with closing(plain_connection(shared_postgres().url)) as connection:
        connection.run(f"alter database {make_url(url).database} connection limit 0")
    with closing_database(url) as db, pytest.raises(DatabaseUnavailable) as caught, db.reading() as session:
        session.execute(text("select 1"))
    assert caught.value.reason.startswith("53300")


def test_statement_and_lock_timeouts_reach_the_server(url: str) -> None:
    with closing_database(url, statement_timeout_ms=1234, lock_timeout_ms=567) as db, db.reading() as session:
        assert session.scalar(text("show statement_timeout")) == "1234ms"
        assert session.scalar(text("show lock_timeout")) == "567ms"


# compared with the plain driver: types as SQLAlchemy returns them


def test_orm_behaves_as_on_plain_driver(url: str, db: PostgresDatabase) -> None:
    engine = plain_engine(url)
    with Session(engine) as session, session.begin():
        plain = written_and_read(session)
    engine.dispose()
    with db.transaction() as session:
        ours = written_and_read(session)
    assert ours == plain
    assert ours[1]["answers"] == {"a": [1, None, "ü"]}


def written_and_read(session: Session) -> list[dict[str, Any]]:
    session.execute(delete(Visit))
    full = {
        "id": UUID(int=1),
        "at": NOON,
        "during": Range(NOON, NOON + timedelta(hours=2)),
        "people": [UUID(int=2), UUID(int=3)],
        "answers": {"a": [1, None, "ü"]},
        "mood": "hungry",
        "paid": Decimal("12.50"),
    }
    session.add_all([Visit(**full), Visit(id=UUID(int=2))])
    session.flush()
    session.execute(update(Visit).where(Visit.during.contains(NOON)).values(people=[]))
    session.expire_all()
    columns = Visit.__table__.columns
    return [dict(row._mapping) for row in session.execute(select(*columns).order_by(Visit.id.desc()))]
